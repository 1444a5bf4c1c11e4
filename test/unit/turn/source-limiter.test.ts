import { expect, it } from "vitest";
import { type IpAddress, ipv4FromWord, ipv6FromWords } from "../../../src/stun/address.ts";
import { createSourceTable, SourceLimiter } from "../../../src/turn/source-limiter.ts";
import { liveHeapBytes } from "../../support/heap.ts";
import { addressBytes } from "../../support/quick-answer.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

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

const LIMITS = { burst: 200, perSecond: 50 };

it("limiters over one table are one: what the threads give a source together is its limit", () => {
  const time = { nowMs: 0 };
  const table = createSourceTable();
  const threads = Array.from({ length: 4 }, () => new SourceLimiter(LIMITS, () => time.nowMs, table));
  const source = ipv4FromWord(0xc6336401);
  /** The packets come to the threads in turn. */
  function takeInTurn(tries: number): number {
    let taken = 0;
    for (let i = 0; i < tries; i++) if (threads[i % threads.length]?.take(source)) taken++;
    return taken;
  }
  expect(takeInTurn(1000)).toBe(LIMITS.burst);
  time.nowMs += 1000;
  expect(takeInTurn(1000)).toBe(LIMITS.perSecond);
  for (const limiter of threads) expect(takeAll(limiter)).toBe(0);
  expect(takeAll(new SourceLimiter(LIMITS, () => time.nowMs))).toBe(LIMITS.burst);
});

it("the bytes of an address are the same source as the address, in every form of time", () => {
  const random = new SeededRandom(8656);
  const { limiter } = limiterAt(0);
  const word = () => random.below(2 ** 32);
  for (let i = 0; i < 500; i++) {
    const ip = i % 2 === 0 ? ipv4FromWord(word()) : ipv6FromWords(word(), word(), word(), word());
    const bytes = Buffer.concat([Buffer.alloc(3), addressBytes(ip)]);
    for (let n = 0; n < LIMITS.burst; n++) {
      expect(n % 3 === 0 ? limiter.take(ip) : limiter.takeBytes(bytes, 3, ip.family)).toBe(true);
    }
    expect(limiter.take(ip, 19) || limiter.takeBytes(bytes, 3, ip.family, 19)).toBe(false);
    expect(limiter.takeBytes(bytes, 3, ip.family, 20)).toBe(true);
    expect(limiter.take(ip, 40)).toBe(true);
  }
});

it("an IPv6 source is no IPv4 source with the same words", () => {
  const { limiter } = limiterAt(0);
  expect(takeAll(limiter, ipv4FromWord(0x2a028100))).toBe(LIMITS.burst);
  expect(takeAll(limiter, ipv6FromWords(0x2a028100, 0, 0, 0))).toBe(LIMITS.burst);
});

it("a rate that is no whole number of milliseconds gives what it says", () => {
  for (const perSecond of [3, 7, 30, 333, 9999]) {
    let nowMs = 1e9 + 0.1;
    const limiter = new SourceLimiter({ burst: 1000, perSecond }, () => nowMs);
    expect(takeAll(limiter)).toBe(1000);
    nowMs += 1000;
    expect(Math.abs(takeAll(limiter) - Math.min(1000, perSecond))).toBeLessThanOrEqual(1);
  }
});

/** Which of 2,000 sources go without where 60,000 others have taken all they may. */
function harmed(): Set<number> {
  const limiter = new SourceLimiter({ burst: 1, perSecond: 1 }, () => 0);
  for (let i = 0; i < 60_000; i++) limiter.take(ipv4FromWord(0x0a000000 + i));
  const sources = Array.from({ length: 2000 }, (_, i) => 0x51000000 + i);
  return new Set(sources.filter((source) => !limiter.take(ipv4FromWord(source))));
}

it("who shares with whom is another secret in each server", () => {
  const [one, other] = [harmed(), harmed()];
  const both = [...one].filter((source) => other.has(source)).length;
  // By chance that would be the product of two shares, each about a third.
  expect(both).toBeGreaterThan(0);
  expect(both).toBeLessThan(0.7 * Math.min(one.size, other.size));
});

it("in a flood of a million sources memory stays, a source keeps its limit, and others are answered", () => {
  const { time, limiter } = limiterAt(1_000_000);
  const random = new SeededRandom(2026);
  const victim = ipv4FromWord(0xc6336401);
  const visitor = (i: number) => ipv4FromWord(0x51000000 + i);
  const before = liveHeapBytes() + process.memoryUsage().arrayBuffers;
  const served = { victim: 0, visitors: 0 };
  const flood: IpAddress[] = [];
  for (let i = 0; i < 1_000_000; i++) {
    // A million in a second, and every other of a thousand packets in the victim's name.
    time.nowMs = 1_000_000 + i / 1000;
    const forged = ipv4FromWord(random.below(2 ** 32));
    limiter.take(forged);
    if (i % 1000 === 0) flood.push(forged);
    if (i % 2 === 0 && limiter.take(victim)) served.victim++;
    if (i % 1000 === 0 && limiter.take(visitor(i / 1000))) served.visitors++;
  }
  const grown = liveHeapBytes() + process.memoryUsage().arrayBuffers - before;
  expect(served.victim).toBeLessThanOrEqual(LIMITS.burst + LIMITS.perSecond);
  expect(served.victim).toBeGreaterThan(LIMITS.burst);
  expect(served.visitors).toBe(1000);
  expect(flood.filter((source) => limiter.take(source)).length).toBe(flood.length);
  expect(grown).toBeLessThan(1_000_000);
});

it("10,000 sources that take all they can harm few others", () => {
  const { limiter } = limiterAt(0);
  for (let i = 0; i < 10_000; i++) takeAll(limiter, ipv4FromWord(0x0a000000 + i), LIMITS.burst);
  let served = 0;
  for (let i = 0; i < 10_000; i++) if (limiter.take(ipv4FromWord(0x51000000 + i))) served++;
  expect(served).toBeGreaterThan(9_700);
});
