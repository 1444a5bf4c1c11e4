/**
 * One attacker owns both members of a room and claims the address of somebody who is in no call: one who is silent, one who echoes
 * every byte, a STUN server. He tries what the protocol lets him. Nothing may arrive there but Binding requests, 200 of them at most.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  formatIp,
  type IpAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { xorAddressAttribute } from "../../src/stun/attributes.ts";
import { decodeMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { MAX_CLAIM_PACKETS } from "../../src/turn/claim-ledger.ts";
import { answerTo, binding, check } from "../support/ice-check.ts";
import { type Outsider, RoomBench, type RoomMember } from "../support/room-bench.ts";
import type { TurnClient } from "../support/turn-client.ts";

/** Longer than the pace needs for the whole budget. */
const ATTACK_SECONDS = 11;
const ROUND_MS = 500;
const CHECKS_PER_ROUND = 12;
const ROOMS = 3;
/** The same on both sides: an echo verifies as what the other member would send. */
const PASSWORD = "oneIcePasswordForBothOfUs";
const ATTACKERS_PORT_TEXT = "from the attacker's own port";

const ip = (text: string) => parseIp(text) as IpAddress;
const SILENT = ip("127.0.0.9");
const ECHO = ip("127.0.0.10");
const STUN_SERVER = ip("127.0.0.11");

let bench: RoomBench;
beforeEach(() => {
  bench = new RoomBench();
});
afterEach(() => bench.close());

interface Attacker {
  readonly member: RoomMember;
  readonly clients: readonly TurnClient[];
  readonly relayed: readonly TransportAddress[];
}

/** Both members, each with relays over UDP and TCP. */
async function joinBoth(room: string): Promise<[Attacker, Attacker]> {
  return [await attacker(room), await attacker(room)];
}

async function attacker(room: string): Promise<Attacker> {
  const member = await bench.join(room);
  const clients = [await member.relay(), await member.relay({ over: "tcp" })];
  const answers = await Promise.all(clients.map((client) => client.allocate()));
  const relayed = answers.flatMap(({ relayedAddress }) => relayedAddress ?? []);
  expect(relayed).toHaveLength(clients.length);
  return { member, clients, relayed };
}

/** Descriptions and candidates of every kind, from each to the other; a restart of ICE with every call. */
async function signal(
  one: RoomMember,
  other: RoomMember,
  victims: readonly TransportAddress[],
  round: number,
) {
  const forms = victims.flatMap((victim) => {
    const text = formatIp(victim);
    const octal = text.split(".").map((octet) => `0${Number(octet).toString(8)}`);
    return [text, `::ffff:${text}`, String(victim.w3), octal.join("."), `${text}%lo`, `64:ff9b::${text}`];
  });
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const candidates = forms.map((form) => `a=candidate:1 1 udp 1 ${form} 9 typ relay\r\n`).join("");
    await from.describe(to, `${PASSWORD}${round}`, candidates);
    await from.describe(to, PASSWORD, candidates);
    for (const { port, ...victim } of victims) await from.claim(to, formatIp(victim), port);
    for (let i = 0; i < 20; i++) await from.claim(to, `127.0.0.${8 + (i % 4)}`);
  }
}

const TURN_ATTACKS = [METHOD.allocate, METHOD.refresh, METHOD.createPermission, METHOD.channelBind, 0x00a];
/** What somebody would like to have sent to others. */
const PAYLOADS: readonly Uint8Array[] = [
  Buffer.from("media"),
  Buffer.alloc(1200, 0x80),
  Buffer.alloc(0),
  Buffer.from("16feff0000000000000000", "hex"),
  Buffer.from("000100000100000000000000", "hex"),
  Buffer.from("\x17\x00\x03\x2a", "latin1"),
  ...TURN_ATTACKS.map((method) => binding("request", { password: PASSWORD, method })),
  binding("indication", { password: PASSWORD }),
  binding("success", { password: PASSWORD }),
  binding("error", { password: PASSWORD }),
  binding("request", { password: PASSWORD, attributes: [{ type: 0x8022, value: new Uint8Array(1232) }] }),
  Buffer.concat([check(PASSWORD), Buffer.from("a rider")]),
  check(PASSWORD).subarray(0, 32),
];

/** Every way to send that the protocol has. */
async function send({ clients }: Attacker, victim: TransportAddress, channel: number): Promise<void> {
  for (const client of clients) {
    const mapped = { ...victim, family: 6 as const, w2: 0xffff };
    expect((await client.createPermission(mapped)).outcome).toBe(443);
    await client.createPermission(victim);
    await client.channelBind(channel, victim);
    for (const payload of PAYLOADS) {
      await client.sendIndication(victim, payload);
      await client.sendChannelData(channel, payload);
    }
    for (let i = 0; i < CHECKS_PER_ROUND; i++) {
      await client.sendIndication(victim, check(PASSWORD));
      await client.sendChannelData(channel, check());
    }
  }
}

/** What came back is sent to where it came from once more, by the other member too. */
async function reflect(from: Attacker, to: Attacker, victim: TransportAddress): Promise<void> {
  for (const { data } of from.clients.flatMap((client) => client.data.drain()).slice(0, 50)) {
    await to.clients[0]?.sendIndication(victim, data);
    await from.clients[0]?.sendIndication(victim, answerTo(data, PASSWORD));
  }
}

async function attack(victims: readonly Outsider[], seconds: number, ownSocket: Outsider): Promise<void> {
  const until = performance.now() + seconds * 1000;
  for (let round = 0; performance.now() < until; round++) {
    const nextMs = performance.now() + ROUND_MS;
    const [one, other] = await joinBoth(`room ${round % ROOMS}`);
    const targets = victims.map(({ address }) => address);
    await signal(one.member, other.member, [...targets, ownSocket.address], round);
    for (const [i, target] of targets.entries()) {
      await send(one, target, 0x4000 + i);
      await send(other, target, 0x4100 + i);
      // The attacker has a port of his own at the very address, and proves himself there.
      const port = withPort(target, ownSocket.address.port);
      for (const relayed of one.relayed) await ownSocket.send(relayed, check(PASSWORD));
      for (const client of one.clients) await client.sendIndication(port, Buffer.from(ATTACKERS_PORT_TEXT));
      await reflect(one, other, target);
    }
    await other.member.leave();
    await delay(Math.max(0, nextMs - performance.now()));
  }
}

function answerStun(packet: Buffer, from: TransportAddress): Uint8Array | undefined {
  const decoded = decodeMessage(packet);
  if (!decoded.ok) return undefined;
  const { transactionId } = decoded.message;
  const attributes = [xorAddressAttribute(ATTRIBUTE.xorMappedAddress, from, transactionId)];
  return binding("success", { transactionId, attributes });
}

function isBindingRequest(packet: Buffer): boolean {
  const decoded = decodeMessage(packet);
  return (
    decoded.ok && decoded.message.method === METHOD.binding && decoded.message.messageClass === "request"
  );
}

test(
  "at most 200 Binding requests reach each of those whom two accomplices claim, and no other byte",
  async () => {
    await bench.start();
    const victims = [
      await bench.outsider(SILENT),
      await bench.outsider(SILENT),
      await bench.outsider(ECHO, (packet) => packet),
      await bench.outsider(STUN_SERVER, answerStun),
    ];
    const ownSocket = await bench.outsider(SILENT);
    await attack(victims, ATTACK_SECONDS, ownSocket);

    const received = victims.map(({ packets }) => packets.drain());
    const others = received.flat().filter((packet) => !isBindingRequest(packet));
    expect(others).toEqual([]);
    for (const address of [SILENT, ECHO, STUN_SERVER]) {
      const there = received.filter((_, i) => victims[i]?.address.w3 === address.w3).flat();
      expect(there.length, formatIp(address)).toBeLessThanOrEqual(MAX_CLAIM_PACKETS);
      expect(there.length, formatIp(address)).toBeGreaterThan(MAX_CLAIM_PACKETS / 2);
    }
    // What the attacker has proved is his own port: nobody else's.
    const own = ownSocket.packets.drain().map(String);
    expect(own).toContain(ATTACKERS_PORT_TEXT);
  },
  ATTACK_SECONDS * 4000,
);

test("the same attack where relayTo is public has everything arrive: the attack is a real one", async () => {
  await bench.start({ relayTo: "public" });
  const victim = await bench.outsider();
  await attack([victim], 0.5, await bench.outsider());
  const received = victim.packets.drain();
  expect(received.filter((packet) => !isBindingRequest(packet)).length).toBeGreaterThan(PAYLOADS.length);
});

test("a member of another room, with valid credentials, reaches neither member through the relay", async () => {
  await bench.start();
  const [one, other] = await joinBoth("their room");
  const eve = await attacker("another room");
  const accomplice = await attacker("another room");
  const theirs = [...one.relayed, ...other.relayed];
  for (const member of [one, other]) {
    for (const client of member.clients) {
      for (const address of [...theirs, ...eve.relayed]) await client.createPermission(address);
    }
  }
  await signal(eve.member, accomplice.member, theirs, 0);
  for (const attackers of [eve, accomplice]) {
    for (const [i, address] of theirs.entries()) await tryToReach(attackers, address, 0x4000 + i);
    for (const [i, client] of [...one.clients, ...other.clients].entries())
      await tryToReach(attackers, client.local, 0x4100 + i);
  }
  // The members reach each other all the same, and that is all that arrives.
  const [from, to] = [one.clients[0], other.clients[0]];
  await from?.sendIndication(other.relayed[0] as TransportAddress, Buffer.from("hello"));
  expect((await to?.data.take())?.data.toString()).toBe("hello");
  expect([...one.clients, ...other.clients].flatMap(({ data }) => data.drain())).toEqual([]);
  expect([...one.clients, ...other.clients].flatMap(({ strays }) => strays)).toEqual([]);
});

async function tryToReach({ clients }: Attacker, target: TransportAddress, channel: number): Promise<void> {
  for (const client of clients) {
    await client.createPermission(target);
    await client.channelBind(channel, target);
    for (const payload of [...PAYLOADS, check(PASSWORD)]) {
      await client.sendIndication(target, payload);
      await client.sendChannelData(channel, payload);
    }
    expect((await client.refresh()).outcome).toBe("success");
  }
}
