import { requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { METHOD } from "../../../src/stun/registry.ts";
import { Mutator } from "../../support/mutator.ts";
import { peerAttribute } from "../../support/turn-client.ts";
import { encodeChannelData, encodeRequest } from "../../support/turn-request.ts";
import { allocate, assertDropsToPeer, assertSilence, assertSuccess, text } from "../checks.ts";
import type { Rule } from "../target.ts";

const UDP = requestedTransportAttribute(17);

export const HOSTILE_RULES: readonly Rule[] = [
  {
    id: "garbage-silent",
    title: "what is neither STUN nor ChannelData is not answered",
    rfc: "RFC 8489 section 6.3",
    needs: ["datagrams"],
    async run(target) {
      const binding = Buffer.from(encodeRequest(METHOD.binding, [], undefined));
      const wrongCookie = Buffer.from(binding);
      wrongCookie.writeUInt32BE(0x2112a443, 4);
      const tooLong = Buffer.from(binding);
      tooLong.writeUInt16BE(4, 2);
      const unaligned = Buffer.concat([binding, Buffer.alloc(3)]);
      unaligned.writeUInt16BE(3, 2);
      const overrun = Buffer.concat([binding, Buffer.from("80220008", "hex")]);
      overrun.writeUInt16BE(4, 2);
      const client = await target.client();
      await assertSilence(
        client,
        Buffer.alloc(0),
        Buffer.from([0]),
        Buffer.alloc(19),
        Buffer.alloc(20),
        Buffer.alloc(1400, 0xff),
        text("GET / HTTP/1.1\r\n\r\n"),
        Buffer.from("160301", "hex"),
        binding.subarray(0, 19),
        Buffer.concat([binding, Buffer.alloc(4)]),
        wrongCookie,
        tooLong,
        unaligned,
        overrun,
      );
    },
  },
  {
    id: "tiny-datagrams",
    title: "datagrams of three bytes and fewer, of none too, from the client and from its peer, do no harm",
    rfc: "RFC 8656 section 12.6",
    needs: ["datagrams"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      for (const hex of ["400000", "4000", "40", "", "00", "0001", "000100", "ffffff"]) {
        const tiny = Buffer.from(hex, "hex");
        await client.sendRaw(tiny);
        await peer.send(relayed, tiny);
        // Relayed as it is: what peers say to each other is not ours to judge.
        await client.data.take().then(({ data }) => {
          if (!data.equals(tiny)) throw new Error(`${data.toString("hex")} instead of ${hex}`);
        });
      }
      await assertDropsToPeer(client, peer, async () => undefined);
    },
  },
  {
    id: "mutations",
    title: "two thousand mutated packets on a live allocation leave it working",
    rfc: "RFC 8489 section 6.3",
    needs: ["datagrams"],
    // So that the limit on unauthenticated answers does not hide the rest.
    settings: { unauthenticatedBurst: 100_000 },
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      const proof = await client.authentication();
      const transactionId = new Uint8Array(12).fill(3);
      const mutator = new Mutator(20260, [
        encodeRequest(METHOD.binding, [], undefined, { fingerprint: true }),
        encodeRequest(METHOD.allocate, [UDP], undefined),
        encodeRequest(METHOD.allocate, [UDP], proof),
        encodeRequest(METHOD.createPermission, [peerAttribute(peer.address, transactionId)], proof, {
          transactionId,
        }),
        encodeChannelData(0x4000, text("data")),
      ]);
      for (let i = 0; i < 2000; i++) {
        await client.sendRaw(mutator.next());
        if (i % 500 === 499) assertSuccess(await client.refresh(), `Refresh after ${i + 1} packets`);
      }
      peer.packets.drain();
      client.data.drain();
      await peer.send(relayed, text("still here"));
      const { data } = await client.data.take();
      if (data.toString() !== "still here") throw new Error(`${data.toString()} instead of the peer's data`);
    },
  },
];
