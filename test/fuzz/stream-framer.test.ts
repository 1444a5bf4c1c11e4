/** The framer against segments of every kind: cut anywhere, damaged anywhere. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES, StreamFramer } from "../../src/turn/stream-framer.ts";
import { encodeChannelData, encodeRequest } from "../support/turn-request.ts";

const RUNS = 3000;

const channelData = fc
  .tuple(fc.integer({ min: 0x4000, max: 0x7fff }), fc.uint8Array({ maxLength: 300 }))
  .map(([number, data]) => ({
    frame: encodeChannelData(number, data),
    padding: (4 - (data.length % 4)) % 4,
  }));

const stunMessage = fc.uint8Array({ maxLength: 300 }).map((value) => ({
  frame: encodeRequest(1, [{ type: 0x8022, value }], undefined),
  padding: 0,
}));

const frames = fc.array(fc.oneof(channelData, stunMessage), { maxLength: 12 });
const cuts = fc.array(fc.nat(4000), { maxLength: 30 });

function cut(stream: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...at.map((place) => Math.min(place, stream.length)), stream.length].sort((a, b) => a - b);
  return places.map((place, index) => stream.subarray(places[index - 1] ?? 0, place));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(frames, cuts, (sent, places) => {
      const stream = Buffer.concat(sent.flatMap(({ frame, padding }) => [frame, new Uint8Array(padding)]));
      const received: string[] = [];
      const framer = new StreamFramer((buffer, start, end) => {
        received.push(hexOf(buffer.subarray(start, end)));
      });
      for (const segment of cut(stream, places)) expect(framer.push(segment, MAX_FRAME_BYTES)).toBe(true);
      expect(received).toEqual(sent.map(({ frame }) => hexOf(frame)));
      expect(framer.heldBytes).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

test("any bytes, cut anywhere, are taken the same way as in one piece, and no more than the bound is held", () => {
  const maxFrameBytes = 512;
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc
      .tuple(frames, fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(4000))
      .map(([sent, noise, place]) => {
        const stream = Buffer.concat(sent.map(({ frame }) => frame));
        const at = Math.min(place, stream.length);
        return Buffer.concat([stream.subarray(0, at), noise, stream.subarray(at)]);
      }),
  );
  function take(segments: readonly Uint8Array[]) {
    const received: string[] = [];
    const framer = new StreamFramer((buffer, start, end) =>
      received.push(hexOf(buffer.subarray(start, end))),
    );
    const sound = segments.every((segment) => framer.push(segment, maxFrameBytes));
    expect(framer.heldBytes).toBeLessThan(maxFrameBytes);
    return { received, sound };
  }
  fc.assert(
    fc.property(hostile, cuts, (stream, places) => {
      expect(take(cut(stream, places))).toEqual(take([stream]));
    }),
    { numRuns: RUNS },
  );
});
