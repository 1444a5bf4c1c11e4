import { describe, expect, test } from "vitest";
import { AddressCounts, addressKey } from "../../../src/signaling/address-counts.ts";
import { numbered, Outbox } from "../../../src/signaling/outbox.ts";
import { randomText } from "../../../src/signaling/random-text.ts";
import { TokenBucket } from "../../../src/signaling/rate-limit.ts";
import { WaitingFrames } from "../../../src/signaling/waiting-frames.ts";

describe("the address that limits count", () => {
  test.each([
    ["198.51.100.7", "198.51.100.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::6", "2001:db8:1:2"],
    ["2001:DB8:0001:2::6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:0:0:1::", "2001:db8:0:0"],
    ["::", "0:0:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1", "fe80:0:0:0"],
    ["1:2:3::", "1:2:3:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4"],
    ["::5:6:7:192.0.2.1", "0:0:0:5"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0"],
  ])("of %s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

test("counts per address are forgotten with the last", () => {
  const counts = new AddressCounts();
  for (const key of ["a", "a", "__proto__"]) counts.add(key);
  expect(["a", "__proto__", "constructor"].map((key) => counts.get(key))).toEqual([2, 1, 0]);
  counts.remove("a");
  counts.remove("a");
  counts.remove("a");
  expect(counts.get("a")).toBe(0);
  counts.add("a");
  expect(counts.get("a")).toBe(1);
});

describe("a token bucket", () => {
  test("gives its burst, then its rate, and never saves more than the burst", () => {
    const bucket = new TokenBucket(10, 0);
    const takeAll = (nowMs: number) => {
      let taken = 0;
      while (taken < 100 && bucket.take(10, 2, nowMs)) taken++;
      return taken;
    };
    expect([takeAll(0), takeAll(499), takeAll(500), takeAll(2000), takeAll(3_600_000)]).toEqual([
      10, 0, 1, 3, 10,
    ]);
  });

  test("is not harmed by a clock that stands still or steps back", () => {
    const bucket = new TokenBucket(1, 5000);
    const take = (nowMs: number) => bucket.take(1, 1000, nowMs);
    expect([take(5000), take(5000), take(0)]).toEqual([true, false, false]);
    expect(take(1)).toBe(true);
  });
});

describe("an outbox", () => {
  const LIMITS = { maxReplayMessages: 3, maxReplayBytes: 1000 };
  const filled = (count: number, limits = LIMITS) => {
    const outbox = new Outbox(limits, 0);
    for (let n = 1; n <= count; n++) outbox.add(`{"n":${n}}`);
    return outbox;
  };
  const frame = (n: number) => `{"n":${n},"seq":${n}}`;

  test("numbers from where the connection was", () => {
    const outbox = new Outbox(LIMITS, 7);
    expect([outbox.lastSeq, outbox.add('{"a":1}'), outbox.lastSeq]).toEqual([7, '{"a":1,"seq":8}', 8]);
    expect(numbered('{"type":"ok"}', 12)).toBe('{"type":"ok","seq":12}');
  });

  test("has what came after a number, as far as it is kept", () => {
    const outbox = filled(5);
    expect(outbox.since(5)).toEqual([]);
    expect(outbox.since(4)).toEqual([frame(5)]);
    expect(outbox.since(2)).toEqual([frame(3), frame(4), frame(5)]);
    expect(outbox.since(1)).toBeUndefined();
    expect(outbox.since(6)).toBeUndefined();
  });

  test("keeps no more bytes than it may, and nothing that alone is more", () => {
    const limits = { maxReplayMessages: 100, maxReplayBytes: 3 * frame(1).length };
    expect(filled(5, limits).since(2)).toHaveLength(3);
    expect(filled(5, limits).since(1)).toBeUndefined();
    const outbox = filled(2, limits);
    outbox.add(`{"n":"${"é".repeat(50)}"}`);
    expect([outbox.since(2), outbox.since(3)]).toEqual([undefined, []]);
    expect(outbox.add('{"n":4}')).toBe(frame(4));
    expect(outbox.since(3)).toEqual([frame(4)]);
  });

  test("forgets what has arrived, and counts its bytes no more", () => {
    const outbox = filled(3);
    outbox.forgetThrough(2);
    expect([outbox.since(2), outbox.since(1)]).toEqual([[frame(3)], undefined]);
    outbox.forgetThrough(1);
    expect(outbox.since(2)).toEqual([frame(3)]);
    outbox.forgetThrough(99);
    expect([outbox.since(3), outbox.since(2)]).toEqual([[], undefined]);
    outbox.add('{"n":4}');
    expect(outbox.since(3)).toEqual([frame(4)]);
  });
});

test("waiting frames come out in order, and what came out makes room again", () => {
  const waiting = new WaitingFrames(5);
  const frames = ["a".repeat(10), "b".repeat(10)];
  for (let round = 0; round < 3; round++) {
    expect(frames.map((frame) => waiting.push(frame))).toEqual([true, true]);
    expect(waiting.push("c")).toBe(false);
    expect([waiting.shift(), waiting.shift(), waiting.shift()]).toEqual([...frames, undefined]);
  }
  waiting.push(frames[0] ?? "");
  waiting.clear();
  expect([waiting.shift(), waiting.push("d".repeat(20))]).toEqual([undefined, true]);
});

test("random texts have the length of their bytes and no two are the same, over many fetches of randomness", () => {
  const texts = Array.from({ length: 2000 }, (_, i) => randomText(i % 2 === 0 ? 12 : 24));
  expect(new Set(texts).size).toBe(texts.length);
  for (const [i, text] of texts.entries()) {
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(Buffer.from(text, "base64url")).toHaveLength(i % 2 === 0 ? 12 : 24);
  }
});
