import assert from "node:assert/strict";
import { uint32Attribute } from "../../../src/stun/attributes.ts";
import { decodeMessage } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { peerAttribute, type TurnClient } from "../../support/turn-client.ts";
import { encodeChannelData, encodeRequest } from "../../support/turn-request.ts";
import {
  allocate,
  assertDropsToPeer,
  assertRelays,
  assertSameAddress,
  assertSilence,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Peer, Rule, Target } from "../target.ts";

/** Every padding, every size that matters, and what looks like STUN or ChannelData itself. */
function payloads(): readonly Buffer[] {
  const sizes = [0, 1, 2, 3, 4, 5, 16, 17, 1100, 1200, 1400];
  return [
    ...sizes.map((size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff))),
    Buffer.from([0x40, 0x00, 0x00]), // three bytes of ChannelData
    Buffer.from(encodeChannelData(0x4000, text("inner"))),
    Buffer.from(encodeRequest(METHOD.binding, [], undefined, { fingerprint: true })),
    Buffer.from([0x16, 0xfe, 0xfd, 0x00]), // DTLS
    Buffer.from([0x80, 0x60, 0x00, 0x01]), // RTP
  ];
}

export const DATA_RULES: readonly Rule[] = [
  {
    id: "send-and-data",
    title:
      "a Send indication goes to its peer; what the peer answers comes as a Data indication with its address",
    rfc: "RFC 8656 sections 11.2 and 11.4",
    async run(target) {
      const { client, relayed, peer } = await permittedPair(target);
      await assertRelays(client, relayed, peer);
      await peer.send(relayed, text("again"));
      const { from, channelNumber, bytes } = await client.data.take();
      assertSameAddress(from, peer.address);
      assert.equal(channelNumber, undefined);
      const decoded = decodeMessage(bytes);
      const types = decoded.ok && decoded.message.attributes.map(({ type }) => type);
      assert.deepEqual(types, [ATTRIBUTE.xorPeerAddress, ATTRIBUTE.data], "nothing else");
    },
  },
  {
    id: "payloads-by-indication",
    title: "every payload arrives as it was sent, by indications",
    rfc: "RFC 8656 sections 11.2 and 11.4",
    async run(target) {
      const { client, relayed, peer } = await permittedPair(target);
      for (const payload of payloads()) {
        await client.sendIndication(peer.address, payload);
        assert.deepEqual((await peer.packets.take()).data, payload);
        await peer.send(relayed, payload);
        assert.deepEqual((await client.data.take()).data, payload);
      }
    },
  },
  {
    id: "payloads-by-channel",
    title: "every payload arrives as it was sent, by ChannelData, with padding and without",
    rfc: "RFC 8656 sections 12.5 to 12.7",
    async run(target) {
      const { client, relayed, peer } = await permittedPair(target);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      for (const payload of payloads()) {
        const padding = (4 - (payload.length % 4)) % 4;
        for (const extra of new Set([0, padding])) {
          await client.sendChannelData(0x4000, payload, extra);
          assert.deepEqual(
            (await peer.packets.take()).data,
            payload,
            `${payload.length} bytes, ${extra} of padding`,
          );
        }
        await peer.send(relayed, payload);
        const { channelNumber, data } = await client.data.take();
        assert.deepEqual([channelNumber, data], [0x4000, payload]);
      }
    },
  },
  {
    id: "channel-data-not-padded",
    title: "over UDP the server does not pad ChannelData",
    rfc: "RFC 8656 section 12.5",
    needs: ["datagrams"],
    async run(target) {
      const { client, relayed, peer } = await permittedPair(target);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await peer.send(relayed, text("12345"));
      assert.equal((await client.data.take()).bytes.length, 4 + 5);
    },
  },
  {
    id: "channel-data-too-long",
    title: "ChannelData that claims more than its datagram holds is dropped",
    rfc: "RFC 8656 section 12.6",
    needs: ["datagrams"],
    async run(target) {
      const { client, peer } = await permittedPair(target);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await assertDropsToPeer(client, peer, async () => {
        for (const hex of ["40000004 616263", "4000ffff 616263", "40000001", "4000", "40", "400000"]) {
          await client.sendRaw(Buffer.from(hex.replace(" ", ""), "hex"));
        }
      });
    },
  },
  {
    id: "channel-data-unbound",
    title:
      "ChannelData on a channel that is not bound is dropped, whoever has bound that number on another 5-tuple",
    rfc: "RFC 8656 section 12.6",
    async run(target) {
      const { client, peer } = await permittedPair(target);
      const other = await target.client();
      await allocate(other);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await assertDropsToPeer(client, peer, async () => {
        for (const number of [0x4001, 0x7fff, 0x5000]) await client.sendChannelData(number, text("unbound"));
      });
      await assertDropsToPeer(other, peer, () => other.sendChannelData(0x4000, text("not mine")));
    },
  },
  {
    id: "data-without-allocation",
    title: "Send indications and ChannelData without an allocation are dropped without an answer",
    rfc: "RFC 8656 section 5",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await client.sendIndication(peer.address, text("no allocation"));
      await assertSilence(client, encodeChannelData(0x4000, text("no allocation")));
      await allocate(client);
      await assertDropsToPeer(client, peer, async () => undefined);
    },
  },
  {
    id: "send-incomplete",
    title:
      "a Send indication without DATA or XOR-PEER-ADDRESS, or with a malformed one, is dropped without an answer",
    rfc: "RFC 8656 section 11.2",
    async run(target) {
      const { client, peer } = await permittedPair(target);
      const data = { type: ATTRIBUTE.data, value: text("incomplete") };
      const shortAddress = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(4) };
      await assertDropsToPeer(client, peer, async () => {
        await client.indicate(() => []);
        await client.indicate(() => [data]);
        await client.indicate((id) => [peerAttribute(peer.address, id)]);
        await client.indicate(() => [shortAddress, data]);
      });
      assert.deepEqual(client.strays, []);
    },
  },
  {
    id: "send-unknown-required",
    title:
      "a Send indication with an unknown comprehension-required attribute is dropped, also with DONT-FRAGMENT where that gets 420",
    rfc: "RFC 8489 section 6.3.2; RFC 8656 section 11.2",
    async run(target) {
      const { client, peer } = await permittedPair(target);
      const data = { type: ATTRIBUTE.data, value: text("unknown") };
      const dontFragment = { type: ATTRIBUTE.dontFragment, value: new Uint8Array() };
      const other = await target.client();
      const isRefused = (await other.allocate({ attributes: [dontFragment] })).errorCode === 420;
      const extras = [uint32Attribute(0x7777, 1), ...(isRefused ? [dontFragment] : [])];
      await assertDropsToPeer(client, peer, async () => {
        for (const extra of extras) {
          await client.indicate((id) => [peerAttribute(peer.address, id), data, extra]);
        }
      });
      await client.indicate((id) => [peerAttribute(peer.address, id), data, uint32Attribute(0xc777, 1)]);
      assert.equal(
        (await peer.packets.take()).data.toString(),
        "unknown",
        "an unknown optional one is ignored",
      );
    },
  },
  {
    id: "data-indication-from-client",
    title: "a Data indication from a client is dropped",
    rfc: "RFC 8656 section 11.3",
    async run(target) {
      const { client, peer } = await permittedPair(target);
      await assertDropsToPeer(client, peer, () =>
        client.indicate(
          (id) => [peerAttribute(peer.address, id), { type: ATTRIBUTE.data, value: text("wrong way") }],
          METHOD.data,
        ),
      );
    },
  },
  {
    id: "data-ipv6",
    title: "data goes both ways over IPv6, by indication and by channel",
    rfc: "RFC 8656 section 7.2, step 7",
    needs: ["ipv6"],
    async run(target) {
      const [client, peer] = [await target.client({ family: 6 }), await target.peer({ family: 6 })];
      const relayed = await allocate(client, { family: 6 });
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      await assertRelays(client, relayed, peer);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await client.sendChannelData(0x4000, text("by channel"));
      assert.equal((await peer.packets.take()).data.toString(), "by channel");
      await peer.send(relayed, text("back"));
      assert.equal((await client.data.take()).channelNumber, 0x4000);
    },
  },
];

async function permittedPair(
  target: Target,
): Promise<{ client: TurnClient; relayed: Peer["address"]; peer: Peer }> {
  const [client, peer] = [await target.client(), await target.peer()];
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  return { client, relayed, peer };
}
