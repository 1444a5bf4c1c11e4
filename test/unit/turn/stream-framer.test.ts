import { describe, expect, test } from "vitest";
import { MAX_FRAME_BYTES, StreamFramer } from "../../../src/turn/stream-framer.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

const BINDING = hex("0001 0000 2112a442 000102030405060708090a0b");
const WITH_ATTRIBUTE = hex("0001 0008 2112a442 000102030405060708090a0b 8022 0004 74657374");
const CHANNEL_DATA_8 = hex("4000 0004 64617461");
const CHANNEL_DATA_EMPTY = hex("4001 0000");
/** Its length says 5; three bytes of padding follow. */
const CHANNEL_DATA_PADDED = hex("4fff 0005 68656c6c6f 00ffff");
const UNPADDED = CHANNEL_DATA_PADDED.subarray(0, 9);

const STREAM = Buffer.concat([
  BINDING,
  CHANNEL_DATA_8,
  CHANNEL_DATA_EMPTY,
  CHANNEL_DATA_PADDED,
  WITH_ATTRIBUTE,
  CHANNEL_DATA_8,
]);
const FRAMES = [BINDING, CHANNEL_DATA_8, CHANNEL_DATA_EMPTY, UNPADDED, WITH_ATTRIBUTE, CHANNEL_DATA_8].map(
  (frame) => frame.toString("hex"),
);

/** What comes out of these segments, and whether the last of them was still a stream of frames. */
function framesOf(segments: readonly Uint8Array[], maxFrameBytes = MAX_FRAME_BYTES) {
  const frames: string[] = [];
  const framer = new StreamFramer((buffer, start, end) => {
    frames.push(Buffer.from(buffer.subarray(start, end)).toString("hex"));
  });
  let sound = true;
  for (const segment of segments) sound &&= framer.push(segment, maxFrameBytes);
  return { frames, sound, held: framer.heldBytes };
}

describe("frames come out whole and in order", () => {
  test("of one segment", () => {
    expect(framesOf([STREAM])).toEqual({ frames: FRAMES, sound: true, held: 0 });
  });

  test("of a stream that is cut at any one byte", () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const segments = [STREAM.subarray(0, cut), STREAM.subarray(cut)];
      expect(framesOf(segments), `cut at ${cut}`).toEqual({ frames: FRAMES, sound: true, held: 0 });
    }
  });

  test("of a stream that is cut at any two bytes", () => {
    for (let first = 0; first <= STREAM.length; first++) {
      for (let second = first; second <= STREAM.length; second++) {
        const segments = [STREAM.subarray(0, first), STREAM.subarray(first, second), STREAM.subarray(second)];
        expect(framesOf(segments).frames, `cut at ${first} and ${second}`).toEqual(FRAMES);
      }
    }
  });

  test("of single bytes", () => {
    const segments = [...STREAM].map((byte) => Uint8Array.of(byte));
    expect(framesOf(segments)).toEqual({ frames: FRAMES, sound: true, held: 0 });
  });
});

test("ChannelData of eight bytes, shorter than a STUN header, does not wait for more", () => {
  expect(framesOf([CHANNEL_DATA_8]).frames).toEqual([CHANNEL_DATA_8.toString("hex")]);
});

test("a frame that lies whole in its segment is handed on without a copy", () => {
  const buffers: Uint8Array[] = [];
  const framer = new StreamFramer((buffer) => buffers.push(buffer));
  framer.push(STREAM, MAX_FRAME_BYTES);
  expect(buffers).toHaveLength(FRAMES.length);
  for (const buffer of buffers) expect(buffer).toBe(STREAM);
});

test("the largest frames that a length can tell of", () => {
  const channelData = Buffer.alloc(4 + 0x10000);
  channelData.writeUInt32BE(0x4000ffff);
  const message = Buffer.alloc(20 + 0xfffc);
  BINDING.copy(message);
  message.writeUInt16BE(0xfffc, 2);
  for (const frame of [channelData, message]) {
    expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    const { frames, sound, held } = framesOf([frame.subarray(0, 1000), frame.subarray(1000)]);
    expect({ count: frames.length, sound, held }).toEqual({ count: 1, sound: true, held: 0 });
  }
});

describe("a stream that cannot go on is found out", () => {
  const garbage: [string, Buffer][] = [
    ["the two bits of neither STUN nor ChannelData", hex("80")],
    ["a wrong magic cookie, at its first wrong byte", hex("0001 0000 2113")],
    ["a length that is no multiple of four", hex("0001 0003 2112a442")],
    ["a SETTINGS frame of HTTP/2", hex("0000 1204 00000000")],
  ];
  for (const [name, bytes] of garbage) {
    test(name, () => {
      expect(framesOf([bytes]).sound).toBe(false);
      expect(framesOf([...bytes].map((byte) => Uint8Array.of(byte))).sound).toBe(false);
      const afterFrames = framesOf([Buffer.concat([STREAM, bytes])]);
      expect(afterFrames).toMatchObject({ frames: FRAMES, sound: false });
    });
  }

  test("a frame above the bound, before its bytes have come; one at the bound passes", () => {
    const oversize = hex("4000 0005");
    expect(framesOf([oversize], 8)).toEqual({ frames: [], sound: false, held: 0 });
    expect(framesOf([oversize.subarray(0, 3), oversize.subarray(3)], 8).sound).toBe(false);
    expect(framesOf([CHANNEL_DATA_8], 8)).toMatchObject({ frames: [CHANNEL_DATA_8.toString("hex")] });
  });
});

test("what is held is never more than the frame that was begun", () => {
  const { held } = framesOf([STREAM, BINDING.subarray(0, 19)]);
  expect(held).toBe(19);
});
