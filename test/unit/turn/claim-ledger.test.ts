import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { ipv4FromWord, parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { ClaimLedger, MAX_CLAIM_PACKETS } from "../../../src/turn/claim-ledger.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_000_000;
const PER_SECOND = 50;

function at(text: string, port = 5000): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return withPort(ip, port);
}

const CLIENT = at("81.2.69.1");
const TARGET = at("89.160.20.1");

/** Asks every ten milliseconds; when what was let go went out. */
function flood(ledger: ClaimLedger, seconds: number, targets = [TARGET], startMs = START_MS): number[] {
  const sentAtMs: number[] = [];
  for (let tick = 0; tick < seconds * 100; tick++) {
    const nowMs = startMs + tick * 10;
    for (const target of targets)
      if (ledger.take(target, randomBytes(12), CLIENT, nowMs)) sentAtMs.push(nowMs);
  }
  return sentAtMs;
}

test("to one address go 200 in all, and no more than 50 in any second", () => {
  const sentAtMs = flood(new ClaimLedger(), 30);
  expect(sentAtMs).toHaveLength(MAX_CLAIM_PACKETS);
  for (const [i, fromMs] of sentAtMs.entries()) {
    const within = sentAtMs.slice(i).filter((sentMs) => sentMs - fromMs < 1000);
    expect(within.length).toBeLessThanOrEqual(PER_SECOND);
  }
});

test("every port and every form of an address is the same address; another one is not", () => {
  const ledger = new ClaimLedger();
  const forms = ["89.160.20.1", "64:ff9b::59a0:1401", "2002:59a0:1401::7", "::ffff:89.160.20.1"];
  const targets = forms.flatMap((form) => [at(form, 1), at(form, 65_535)]);
  expect(flood(ledger, 30, targets)).toHaveLength(MAX_CLAIM_PACKETS);
  expect(ledger.take(at("89.160.20.2"), randomBytes(12), CLIENT, START_MS)).toBe(true);
});

test("an IPv6 address is its /64: one host may have them all", () => {
  const ledger = new ClaimLedger();
  const targets = Array.from({ length: 32 }, (_, i) => at(`2a00:1450:4001:81b:${i}::${i}`));
  const sameHost = Array.from({ length: 32 }, (_, i) => at(`2a00:1450:4001:81b:${i}:1:2:3`));
  expect(flood(ledger, 30, [...targets, ...sameHost])).toHaveLength(MAX_CLAIM_PACKETS);
  expect(ledger.take(at("2a00:1450:4001:81c::1"), randomBytes(12), CLIENT, START_MS)).toBe(true);
});

test("of one /64, only the address that is proved is struck out; an echo may come from any of them", () => {
  const ledger = new ClaimLedger();
  const [own, victims] = [at("2a00:1450:4001:81b::1"), at("2a00:1450:4001:81b::2")];
  const [toOwn, toVictim] = [randomBytes(12), randomBytes(12)];
  ledger.take(own, toOwn, CLIENT, START_MS);
  expect(ledger.isClear(victims)).toBe(true);
  ledger.take(victims, toVictim, CLIENT, START_MS);
  expect(ledger.wentTo(own, toVictim)).toBe(false);
  expect(ledger.wentTo(victims, toVictim)).toBe(true);
  expect(ledger.wentToIp(own, toVictim)).toBe(true);
  ledger.strikeOut(own);
  expect([ledger.isClear(own), ledger.isClear(victims)]).toEqual([true, false]);
  expect(ledger.wentToIp(own, toOwn)).toBe(false);
  ledger.strikeOut(victims);
  expect(ledger.size).toBe(0);
});

test("an hour after the last packet it is forgotten, swept or not; not before", () => {
  for (const isSwept of [true, false]) {
    const ledger = new ClaimLedger();
    const lastMs = Number(flood(ledger, 30).at(-1));
    const sweep = (nowMs: number) => isSwept && ledger.sweep(nowMs);
    sweep(lastMs + HOUR_MS - 1);
    expect(ledger.take(TARGET, randomBytes(12), CLIENT, lastMs + HOUR_MS - 1)).toBe(false);
    sweep(lastMs + HOUR_MS);
    expect(ledger.isClear(TARGET)).toBe(isSwept);
    expect(ledger.take(TARGET, randomBytes(12), CLIENT, lastMs + HOUR_MS)).toBe(true);
  }
});

test("a port that is proved is struck out; what went to others is still held against the address", () => {
  const ledger = new ClaimLedger();
  const [proved, other] = [at("89.160.20.1", 1), at("89.160.20.1", 2)];
  const ids = Array.from({ length: 10 }, () => randomBytes(12));
  for (const [i, id] of ids.entries()) ledger.take(i < 7 ? proved : other, id, CLIENT, START_MS);
  ledger.strikeOut(proved);
  expect(ids.map((id) => ledger.wentToIp(TARGET, id))).toEqual(ids.map((_, i) => i >= 7));
  expect(ledger.isClear(TARGET)).toBe(false);
  expect(flood(ledger, 30, [other])).toHaveLength(MAX_CLAIM_PACKETS - 3);
  ledger.strikeOut(other);
  expect(ledger.isClear(TARGET)).toBe(true);
  ledger.strikeOut(other);
  expect(flood(ledger, 30)).toHaveLength(MAX_CLAIM_PACKETS);
});

test("whoever proves one port over and over gets nothing more for another", () => {
  const ledger = new ClaimLedger();
  const [own, victims] = [at("89.160.20.1", 1), at("89.160.20.1", 2)];
  let arrived = 0;
  for (let second = 0; second < 60; second++) {
    arrived += flood(ledger, 1, [victims], START_MS + second * 1000).length;
    ledger.take(own, randomBytes(12), CLIENT, START_MS + second * 1000);
    ledger.strikeOut(own);
  }
  expect(arrived).toBe(MAX_CLAIM_PACKETS);
});

test("knows what went where, by port and by address", () => {
  const ledger = new ClaimLedger();
  const id = randomBytes(12);
  expect(ledger.wentTo(TARGET, id)).toBe(false);
  ledger.take(TARGET, id, CLIENT, START_MS);
  expect(ledger.wentTo(TARGET, Uint8Array.from(id))).toBe(true);
  expect(ledger.wentTo(at("89.160.20.1", 5001), id)).toBe(false);
  expect(ledger.wentToIp(at("64:ff9b::59a0:1401", 5001), id)).toBe(true);
  expect(ledger.wentToIp(TARGET, randomBytes(12))).toBe(false);
  expect(ledger.wentTo(at("89.160.20.2"), id)).toBe(false);
});

const stranger = (index: number) => withPort(ipv4FromWord(0x5900_0000 + index), 1);

/** How many strangers, from this one on, it lets the client send to. */
function spray(ledger: ClaimLedger, client: TransportAddress, first: number): number {
  const id = randomBytes(12);
  let count = 0;
  while (count < 100_000 && ledger.take(stranger(first + count), id, client, START_MS)) count++;
  return count;
}

test("is bounded: when it is full, addresses that it does not hold get nothing until others are forgotten", () => {
  const ledger = new ClaimLedger();
  const id = randomBytes(12);
  let held = 0;
  for (let i = 0; i < 20; i++) held += spray(ledger, at(`81.2.70.${i}`), held);
  expect(held).toBe(65_536);
  expect(ledger.take(stranger(0), id, CLIENT, START_MS)).toBe(true);
  ledger.sweep(START_MS + HOUR_MS);
  expect(ledger.size).toBe(0);
  expect(ledger.take(stranger(held), id, CLIENT, START_MS + HOUR_MS)).toBe(true);
});

test("no client, nor all that send from one /64, can fill it for the others", () => {
  const ledger = new ClaimLedger();
  const [one, neighbour, other] = [at("2a02:8100::1"), at("2a02:8100::2"), at("2a02:8100:0:1::1")];
  expect(spray(ledger, one, 0)).toBe(4096);
  expect(spray(ledger, neighbour, 4096)).toBe(0);
  expect(ledger.take(stranger(0), randomBytes(12), neighbour, START_MS)).toBe(true);
  expect(ledger.take(stranger(4096), randomBytes(12), other, START_MS)).toBe(true);
  ledger.strikeOut(stranger(1));
  expect(spray(ledger, neighbour, 5000)).toBe(1);
  ledger.sweep(START_MS + HOUR_MS);
  expect(spray(ledger, one, 0)).toBe(4096);
});
