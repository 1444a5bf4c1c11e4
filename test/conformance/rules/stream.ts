import assert from "node:assert/strict";
import { METHOD } from "../../../src/stun/registry.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { encodeChannelData, encodeRequest } from "../../support/turn-request.ts";
import { allocate, assertRelays, assertSuccess, text } from "../checks.ts";
import type { Rule } from "../target.ts";

/** Each another length modulo 4; ChannelData of 0 bytes is a frame too. */
const WORDS = ["", "1", "22", "333", "4444", "55555"].map(text);

export const STREAM_RULES: readonly Rule[] = [
  {
    id: "stream-split-frames",
    title: "over TCP and TLS a request that arrives byte by byte is answered when it is whole",
    rfc: "RFC 8489 section 6.2.2",
    needs: ["stream"],
    async run(target) {
      const client = await target.client();
      const request = encodeRequest(METHOD.binding, [], undefined, { fingerprint: true });
      const answered = client.answerTo(request);
      for (const byte of request) await client.sendBytes(Uint8Array.of(byte));
      assertSuccess(await answered, "Binding in segments of one byte");
    },
  },
  {
    id: "stream-joined-frames",
    title: "over TCP and TLS requests that are sent before the first is answered are all answered",
    rfc: "RFC 8489 section 6.2.2",
    needs: ["stream"],
    async run(target) {
      const client = await target.client();
      const requests = Array.from({ length: 20 }, () => encodeRequest(METHOD.binding, [], undefined));
      const answered = Promise.all(requests.map((request) => client.answerTo(request)));
      await client.sendBytes(Buffer.concat(requests));
      for (const answer of await answered) assertSuccess(answer, "Binding in a segment of twenty");
    },
  },
  {
    id: "stream-channel-data-padded",
    title: "over TCP and TLS the server pads ChannelData to a multiple of four bytes",
    rfc: "RFC 8656 section 12.5",
    needs: ["stream"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      // The client looks for the next frame behind the padding: without it, nothing after the first is read.
      for (const word of WORDS) {
        await peer.send(relayed, word);
        const { channelNumber, data } = await client.data.take();
        assert.deepEqual([channelNumber, data], [0x4000, word]);
      }
      assertSuccess(await client.refresh(), "Refresh behind ChannelData");
    },
  },
  {
    id: "stream-channel-data-joined",
    title:
      "over TCP and TLS padded ChannelData and requests are told apart, however they are cut into segments",
    rfc: "RFC 8656 sections 12.5 and 12.6",
    needs: ["stream"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      for (const segmentBytes of [Number.POSITIVE_INFINITY, 7, 1]) {
        await assertMixed(client, segmentBytes);
        for (const word of WORDS) assert.deepEqual((await peer.packets.take()).data, word);
      }
      await assertRelays(client, relayed, peer);
    },
  },
  {
    id: "stream-end-frees-port",
    title: "over TCP and TLS an allocation ends with its connection",
    rfc: "RFC 8656 section 6",
    needs: ["stream", "local"],
    async run(target) {
      const client = await target.client();
      const relayed = await allocate(client);
      await client.close();
      const witness = await target.client();
      for (let attempt = 0; attempt < 50 && !(await target.isFree(relayed)); attempt++) {
        assertSuccess(await witness.bind(), "Binding of another client");
      }
      assert.ok(await target.isFree(relayed), "the relay port is free");
    },
  },
];

/** ChannelData of every length, a Binding request after each, in segments of so many bytes. */
async function assertMixed(client: TurnClient, segmentBytes: number): Promise<void> {
  const requests = WORDS.map(() => encodeRequest(METHOD.binding, [], undefined));
  const frames = WORDS.flatMap((word, index) => [
    encodeChannelData(0x4000, word, (4 - (word.length % 4)) % 4),
    requests[index] as Uint8Array,
  ]);
  const bytes = Buffer.concat(frames);
  const answered = Promise.all(requests.map((request) => client.answerTo(request)));
  for (let start = 0; start < bytes.length; start += segmentBytes) {
    await client.sendBytes(bytes.subarray(start, start + segmentBytes));
  }
  for (const answer of await answered) assertSuccess(answer, `Binding in segments of ${segmentBytes} bytes`);
}
