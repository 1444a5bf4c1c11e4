import type { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
// @ts-expect-error Missing in @types/ws 8.18.
import { Receiver } from "ws";
import { encodeTextFrames } from "../../../src/net/text-frames.ts";

/** What an independent reader of RFC 6455 makes of them. */
function read(frames: Buffer): string[] {
  const receiver: Writable = new Receiver({ isServer: false });
  const texts: string[] = [];
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    texts.push(isBinary ? "(binary)" : String(data));
  });
  receiver.on("error", (error) => texts.push(String(error)));
  receiver.write(frames);
  return texts;
}

describe("text frames", () => {
  // The borders of RFC 6455's three ways to write a length.
  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])("of %i bytes are read as they were", (length) => {
    const texts = ["x".repeat(length), "and one more"];
    expect(read(encodeTextFrames(texts))).toEqual(texts);
  });

  test("have the length of their bytes, not of their characters", () => {
    const texts = ["é".repeat(63), "\u{1f600}".repeat(32), "€".repeat(21_846)];
    expect(read(encodeTextFrames(texts))).toEqual(texts);
  });

  test("are literally those of RFC 6455 section 5.7", () => {
    expect(encodeTextFrames(["Hello"]).toString("hex")).toBe("810548656c6c6f");
  });

  test("any texts come out in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { maxLength: 20 }), (texts) => {
        expect(read(encodeTextFrames(texts))).toEqual(texts);
      }),
    );
  });
});
