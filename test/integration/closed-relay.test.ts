/** The closed relay as the members of a real server meet it. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { formatIp, type TransportAddress } from "../../src/stun/address.ts";
import { answerTo, check } from "../support/ice-check.ts";
import { OUTSIDE, type Outsider, RoomBench, type RoomMember } from "../support/room-bench.ts";
import type { TurnClient } from "../support/turn-client.ts";

const ANNS = "theIcePasswordOfAnnIsThis";
const BENS = "theIcePasswordOfBenIsThis";
const CHANNEL = 0x4000;
const MEDIA = Buffer.from("media");
const ADDRESS = formatIp(OUTSIDE);

let bench: RoomBench;
beforeEach(() => {
  bench = new RoomBench();
});
afterEach(() => bench.close());

interface Call {
  readonly ann: RoomMember;
  readonly ben: RoomMember;
  readonly relay: TurnClient;
  readonly relayed: TransportAddress;
  readonly outsider: Outsider;
}

/** Two members; Ann has an allocation, Ben is at an address outside. */
async function startCall(over: "udp" | "tcp" = "udp"): Promise<Call> {
  const [ann, ben] = [await bench.join("blue"), await bench.join("blue")];
  const relay = await ann.relay({ over });
  const { relayedAddress: relayed } = await relay.allocate();
  if (relayed === undefined) throw new Error("no relayed address");
  return { ann, ben, relay, relayed, outsider: await bench.outsider() };
}

async function signalIce({ ann, ben }: Call): Promise<void> {
  await ann.describe(ben, ANNS);
  await ben.describe(ann, BENS);
  await ben.claim(ann, ADDRESS);
}

async function expectNextOutside({ relay, outsider }: Call, data: Uint8Array): Promise<void> {
  await relay.sendChannelData(CHANNEL, data);
  expect(await outsider.packets.take()).toEqual(Buffer.from(data));
}

async function expectNextAtAnn({ relay, relayed, outsider }: Call, data: Uint8Array): Promise<void> {
  await outsider.send(relayed, data);
  expect((await relay.data.take()).data).toEqual(Buffer.from(data));
}

async function prove(call: Call): Promise<void> {
  expect((await call.relay.channelBind(CHANNEL, call.outsider.address)).outcome).toBe("success");
  await expectNextAtAnn(call, check(ANNS));
  await expectNextOutside(call, MEDIA);
}

test.each(["udp", "tcp"] as const)(
  "a call with one side relayed over %s: refused, claimed once it is signalled, proven by a check, all through",
  async (over) => {
    await bench.start();
    const call = await startCall(over);
    const { relay, outsider } = call;
    expect((await relay.channelBind(CHANNEL, outsider.address)).outcome).toBe(403);
    await signalIce(call);
    // At the very moment at which the other has the candidate, the relay knows of it.
    expect((await relay.channelBind(CHANNEL, outsider.address)).outcome).toBe("success");
    await relay.sendChannelData(CHANNEL, MEDIA);
    const request = check(BENS);
    await expectNextOutside(call, request);
    await outsider.send(call.relayed, MEDIA);
    await expectNextAtAnn(call, answerTo(request, BENS));
    await expectNextOutside(call, MEDIA);
    await expectNextAtAnn(call, MEDIA);
    expect(await bench.metric('turnpike_dropped_packets_total{reason="unproven-target"}')).toBe(2);
    expect(await bench.metric('turnpike_relay_targets_refused_total{reason="not-in-room"}')).toBe(1);
  },
);

test("a description without trickle opens what its candidates claim", async () => {
  await bench.start();
  const call = await startCall();
  await call.ann.describe(call.ben, ANNS);
  const candidate = `a=candidate:1 1 udp 1 ${ADDRESS} 9 typ srflx raddr 192.168.1.5 rport 9\r\n`;
  await call.ben.describe(call.ann, BENS, `${candidate}a=end-of-candidates\r\n`);
  await prove(call);
});

test("what is proven stays while its member is away", async () => {
  await bench.start();
  const call = await startCall();
  await signalIce(call);
  await prove(call);
  call.ben.signaling.webSocket.terminate();
  await call.ann.signaling.next("peer-away");
  await expectNextOutside(call, MEDIA);
  expect((await call.relay.createPermission(call.outsider.address)).outcome).toBe("success");
  await expectNextAtAnn(call, MEDIA);
});

test("a member who is away keeps its seat as long as it is heard at the relay of the other one", async () => {
  await bench.start({ resumeSeconds: 1 });
  const call = await startCall();
  await signalIce(call);
  await prove(call);
  call.ben.signaling.webSocket.terminate();
  await call.ann.signaling.next("peer-away");
  for (let i = 0; i < 15; i++) {
    await delay(200);
    await expectNextAtAnn(call, MEDIA);
  }
  expect(call.ann.signaling.received.map(({ type }) => type)).not.toContain("peer-left");
  await call.ann.signaling.next("peer-left");
});

test("in a room of three, what was open by one member ends when it leaves; the call of the others goes on", async () => {
  await bench.start({ roomSize: 3, clearOnLeave: false });
  const call = await startCall();
  const cleo = await bench.join("blue");
  const cleoRelay = await cleo.relay();
  const { relayedAddress } = await cleoRelay.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  await signalIce(call);
  await prove(call);
  await call.ben.leave();
  await call.relay.sendChannelData(CHANNEL, MEDIA);
  await call.outsider.send(call.relayed, check(ANNS));
  expect((await call.relay.createPermission(relayedAddress)).outcome).toBe("success");
  expect((await cleoRelay.createPermission(call.relayed)).outcome).toBe("success");
  await cleoRelay.sendIndication(call.relayed, MEDIA);
  expect((await call.relay.data.take()).data).toEqual(MEDIA);
  expect([call.outsider.packets.pending, call.relay.data.pending]).toEqual([[], []]);
  expect((await call.relay.channelBind(CHANNEL, call.outsider.address)).outcome).toBe(403);
});

test("where another member's TURN traffic comes from, everything passes at once, without any signaling", async () => {
  await bench.start();
  const call = await startCall();
  expect((await call.relay.channelBind(CHANNEL, call.outsider.address)).outcome).toBe(403);
  await (await call.ben.relay({ from: OUTSIDE })).allocate();
  expect((await call.relay.channelBind(CHANNEL, call.outsider.address)).outcome).toBe("success");
  await expectNextOutside(call, MEDIA);
  await expectNextAtAnn(call, MEDIA);
});

test("a member is told of what was refused, once; the log has one line of it, metrics have a reason and nobody's name", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", stream: { write: (line: string) => void lines.push(line) } });
  await bench.start({}, { logger });
  const { ann, relay, outsider } = await startCall();
  const loopback = { ...outsider.address, w3: 0x7f000063 };
  for (let attempt = 0; attempt < 3; attempt++) {
    expect((await relay.createPermission(outsider.address)).outcome).toBe(403);
    expect((await relay.createPermission(loopback)).outcome).toBe(403);
  }
  const notice = { type: "notice", code: "relay-target-refused" };
  expect(await ann.signaling.next("notice")).toMatchObject({
    ...notice,
    address: ADDRESS,
    reason: "not-in-room",
  });
  expect(await ann.signaling.next("notice")).toMatchObject({
    ...notice,
    address: "127.0.0.99",
    reason: "denied-network",
  });
  ann.signaling.send({ type: "ice" });
  await ann.signaling.next("ice-servers");
  expect(ann.signaling.received.filter(({ type }) => type === "notice")).toHaveLength(2);
  const refusals = lines
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg.includes("refused a member"));
  expect(refusals).toMatchObject([{ peer: ann.peer, address: ADDRESS, reason: "not-in-room" }]);
  expect(await bench.metric('turnpike_relay_targets_refused_total{reason="not-in-room"}')).toBe(3);
  expect(await bench.metric('turnpike_relay_targets_refused_total{reason="denied-network"}')).toBe(3);
});

test("relayTo public: a member relays to whoever the network rules let it reach; static users do either way", async () => {
  await bench.start({ relayTo: "public" });
  const { relay, outsider } = await startCall();
  expect((await relay.channelBind(CHANNEL, outsider.address)).outcome).toBe("success");
  await relay.sendChannelData(CHANNEL, MEDIA);
  expect(await outsider.packets.take()).toEqual(MEDIA);
  const other = new RoomBench();
  await other.start({ users: [{ name: "ada", password: "lovelace" }] });
  const guest = await other.relay({ username: "ada", password: "lovelace" });
  await guest.allocate();
  expect((await guest.createPermission(outsider.address)).outcome).toBe("success");
  await other.close();
});
