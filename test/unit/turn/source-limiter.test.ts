import { expect, it } from "vitest";
import { ipv4FromWord, ipv6FromWords } from "../../../src/stun/address.ts";
import { SourceLimiter } from "../../../src/turn/source-limiter.ts";

function limiterAt(nowMs: number) {
  const time = { nowMs };
  return { time, limiter: new SourceLimiter({ burst: 200, perSecond: 50 }, () => time.nowMs) };
}

function takeAll(limiter: SourceLimiter, source = ipv4FromWord(0xc6336401), tries = 10_000): number {
  let taken = 0;
  for (let i = 0; i < tries; i++) if (limiter.take(source)) taken++;
  return taken;
}

it("a source gets its burst, then its rate, and never saves up more than the burst", () => {
  const { time, limiter } = limiterAt(1_000_000);
  expect(takeAll(limiter)).toBe(200);
  time.nowMs += 1_000;
  expect(takeAll(limiter)).toBe(50);
  time.nowMs += 3_600_000;
  expect(takeAll(limiter)).toBe(200);
});

it("another source is unharmed by a flood", () => {
  const { limiter } = limiterAt(0);
  takeAll(limiter);
  let served = 0;
  for (let i = 0; i < 1000; i++) if (limiter.take(ipv4FromWord(0x08000000 + i * 7919))) served++;
  // One in 65,536 may share the flooded bucket.
  expect(served).toBeGreaterThanOrEqual(998);
});

it("sources spread over the table: 1,000 of them take 1,000 bursts, but for a few that share", () => {
  const { limiter } = limiterAt(0);
  let taken = 0;
  for (let i = 0; i < 1000; i++) taken += takeAll(limiter, ipv4FromWord(0x0a000000 + i), 201);
  expect(taken).toBeGreaterThan(195_000);
});

it("an IPv6 source is its /64", () => {
  const { limiter } = limiterAt(0);
  expect(takeAll(limiter, ipv6FromWords(0x20010db8, 1, 0, 1))).toBe(200);
  expect(takeAll(limiter, ipv6FromWords(0x20010db8, 1, 0xffff, 2))).toBe(0);
  expect(takeAll(limiter, ipv6FromWords(0x20010db8, 2, 0, 1))).toBe(200);
});

it("holds a slow trickle below the rate for ever", () => {
  const { time, limiter } = limiterAt(0);
  for (let i = 0; i < 5_000; i++) {
    time.nowMs += 20;
    expect(limiter.take(ipv4FromWord(1))).toBe(true);
  }
});
