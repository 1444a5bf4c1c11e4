/** What a thread carries by itself, and what it leaves to the relay; without a socket. */

import { beforeEach, describe, expect, test } from "vitest";
import { Arena } from "../../../src/net/udp-batch/arena.ts";
import { BatchSocket } from "../../../src/net/udp-batch/batch-socket.ts";
import type { FlowOrder, InsideOrder, SocketReference } from "../../../src/net/udp-batch/flow-order.ts";
import { Forwarder } from "../../../src/net/udp-batch/forwarder.ts";
import type { Libc } from "../../../src/net/udp-batch/libc.ts";
import { NONE, SOCKET_KIND } from "../../../src/net/udp-batch/records.ts";
import type { Reporter } from "../../../src/net/udp-batch/reporter.ts";
import type { Rounds } from "../../../src/net/udp-batch/rounds.ts";
import { allocateFlowCells, CELL, CELLS_PER_FLOW, TOTAL } from "../../../src/net/udp-batch/shared-memory.ts";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { textAttribute, xorAddressAttribute } from "../../../src/stun/attributes.ts";
import { decodeMessage, encodeMessage, type StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { DATAGRAM_OVERHEAD_BYTES } from "../../../src/turn/bandwidth.ts";
import { encodeDataIndication } from "../../../src/turn/data-indication.ts";
import { SourceLimiter } from "../../../src/turn/source-limiter.ts";
import { TokenBucket } from "../../../src/turn/token-bucket.ts";
import { encodeChannelData } from "../../support/turn-request.ts";

const CLIENT = address("81.2.69.1", 4001);
const OTHER_CLIENT = address("81.2.69.2", 4002);
const TARGET = address("89.160.20.1", 5001);
const RELAYED = address("185.199.1.2", 50_000);
const CHANNEL = 0x4001;
const CHANNEL_THERE = 0x4002;
const NOW_MS = 1_000_000;
const LIVE_MS = NOW_MS + 1;
const DATA = Buffer.from("media");
const FLOWS = 4;
/** More than a thread takes upon itself. */
const TOO_LARGE = Buffer.alloc(65_001);
const NO_BUCKETS = { own: undefined, room: undefined, total: undefined };

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(text);
  return withPort(ip, port);
}

interface Sent {
  readonly by: number;
  readonly to: TransportAddress;
  readonly bytes: Buffer;
}

let arena: Arena;
let forwarder: Forwarder;
let totals: Float64Array;
let cells: Float64Array;
let sockets: BatchSocket[];
let sent: Sent[];
let reported: string[];

/** Sockets of this thread by index; those of others have no place here. */
const LISTENER = reference(0);
const RELAY = reference(1);
const LISTENER_THERE = reference(7);

function reference(index: number): SocketReference {
  return { index, descriptor: 100 + index, family: 4 };
}

function openSocket({ index, descriptor }: SocketReference, kind: keyof typeof SOCKET_KIND): void {
  const socket = BatchSocket.adopt(descriptor, 4, index);
  socket.kind = SOCKET_KIND[kind];
  sockets[index] = socket;
  if (kind !== "relay") forwarder.openListener(socket);
}

beforeEach(() => {
  arena = new Arena({ addressOf: () => 0x1000 } as unknown as Libc);
  totals = new Float64Array(16);
  cells = new Float64Array(allocateFlowCells(FLOWS));
  [sockets, sent, reported] = [[], [], []];
  const put = (by: BatchSocket, to: TransportAddress, at: number, length: number) =>
    void sent.push({ by: by.descriptor, to, bytes: Buffer.from(arena.bytes.subarray(at, at + length)) });
  const sender = {
    arena,
    push: put,
    pushBack: (by: BatchSocket, slot: number, at: number, length: number) =>
      put(by, arena.readSource(slot), at, length),
  };
  const rounds = { sender, at: (index: number) => sockets[index] } as unknown as Rounds;
  const reporter = {
    packet: (_socket: BatchSocket, _slot: number, start: number, end: number) =>
      void reported.push(arena.bytes.toString("latin1", start, end)),
  } as unknown as Reporter;
  forwarder = new Forwarder(rounds, reporter, { totals, flowCells: cells });
  forwarder.nowMs = NOW_MS;
  openSocket(LISTENER, "answering");
  openSocket(RELAY, "relay");
});

/** A packet as the system writes it into a slot. */
function receive({ index }: SocketReference, from: TransportAddress, packet: Uint8Array): void {
  const slot = 3;
  arena.writeSocketAddress(arena.sourceStart(slot), from);
  const start = arena.packetStart(slot);
  arena.bytes.set(packet, start);
  forwarder.packet(sockets[index] as BatchSocket, slot, start, start + packet.length);
}

function openFlow(change: Partial<FlowOrder> = {}): FlowOrder {
  const order: FlowOrder = {
    slot: 1,
    listener: LISTENER,
    client: CLIENT,
    channel: CHANNEL,
    relay: RELAY,
    target: TARGET,
    buckets: NO_BUCKETS,
    inside: undefined,
    ...change,
  };
  cells.fill(0, order.slot * CELLS_PER_FLOW, (order.slot + 1) * CELLS_PER_FLOW);
  cells[order.slot * CELLS_PER_FLOW + CELL.expiresAtMs] = LIVE_MS;
  forwarder.openFlow(order);
  return order;
}

function insideTo(change: Partial<InsideOrder> = {}): InsideOrder {
  return {
    socket: LISTENER_THERE,
    client: OTHER_CLIENT,
    channel: CHANNEL_THERE,
    source: RELAYED,
    own: undefined,
    ...change,
  };
}

const cell = (index: number, slot = 1) => cells[slot * CELLS_PER_FLOW + index];

function sendIndication(
  to: TransportAddress,
  data: Uint8Array,
  ...more: readonly StunAttribute[]
): Uint8Array {
  const transactionId = Buffer.from("0123456789ab");
  return encodeMessage({ method: METHOD.send, messageClass: "indication", transactionId }, [
    xorAddressAttribute(ATTRIBUTE.xorPeerAddress, to, transactionId),
    { type: ATTRIBUTE.data, value: data },
    ...more,
  ]);
}

/** The packet is the relay's to judge: nothing was sent or counted. */
function expectReported(packet: Uint8Array): void {
  expect(reported.splice(0)).toEqual([Buffer.from(packet).toString("latin1")]);
  expect(sent).toEqual([]);
  expect(Math.max(...totals)).toBe(0);
}

/** The next one passes. */
function expectPasses(): void {
  receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));
  expect(sent.splice(0)).toEqual([{ by: RELAY.descriptor, to: TARGET, bytes: DATA }]);
  totals.fill(0);
}

describe("a flow to the outside", () => {
  test("passes what its client sends by the channel, padded or not, or by Send indications", () => {
    openFlow();
    const packets = [
      encodeChannelData(CHANNEL, DATA),
      encodeChannelData(CHANNEL, DATA, 3),
      sendIndication(TARGET, DATA),
    ];
    for (const packet of packets) receive(LISTENER, CLIENT, packet);
    expect(sent).toEqual(packets.map(() => ({ by: RELAY.descriptor, to: TARGET, bytes: DATA })));
    expect([totals[TOTAL.sentPackets], totals[TOTAL.sentBytes]]).toEqual([3, 3 * DATA.length]);
    expect([cell(CELL.sentPackets), cell(CELL.sentBytes), cell(CELL.lastSentMs)]).toEqual([
      3,
      3 * DATA.length,
      NOW_MS,
    ]);
    expect(totals[TOTAL.receivedPackets]).toBe(0);
    expect(reported).toEqual([]);
  });

  test("passes what comes from its target as ChannelData without padding, or as a Data indication like the relay's", () => {
    openFlow();
    receive(RELAY, TARGET, DATA);
    openFlow({ slot: 2, channel: NONE, target: { ...TARGET, port: 5002 } });
    receive(RELAY, { ...TARGET, port: 5002 }, DATA);
    receive(RELAY, { ...TARGET, port: 5002 }, DATA);
    const [channelData, ...indications] = sent;
    expect(channelData).toEqual({
      by: LISTENER.descriptor,
      to: CLIENT,
      bytes: Buffer.from(encodeChannelData(CHANNEL, DATA)),
    });
    const made = encodeDataIndication({ ...TARGET, port: 5002 }, DATA, 0, DATA.length);
    for (const { by, to, bytes } of indications) {
      expect([by, to, bytes.length]).toEqual([LISTENER.descriptor, CLIENT, made.length]);
      const decoded = decodeMessage(bytes);
      expect(decoded.ok && decoded.message.attributes.at(-1)?.value).toEqual(DATA);
    }
    const ids = indications.map(({ bytes }) => bytes.toString("hex", 8, 20));
    expect(new Set(ids).size).toBe(2);
    expect([cell(CELL.receivedPackets), cell(CELL.receivedPackets, 2), totals[TOTAL.receivedBytes]]).toEqual([
      1,
      2,
      3 * DATA.length,
    ]);
    expect(totals[TOTAL.sentPackets]).toBe(0);
  });

  test("carries empty data", () => {
    openFlow();
    receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, Buffer.alloc(0)));
    receive(RELAY, TARGET, Buffer.alloc(0));
    expect(sent.map(({ bytes }) => bytes.length)).toEqual([0, 4]);
  });

  test.each<[string, SocketReference, TransportAddress, Uint8Array]>([
    ["of another channel", LISTENER, CLIENT, encodeChannelData(CHANNEL_THERE, DATA)],
    ["that is cut short", LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA).subarray(0, -1)],
    ["that is shorter than a header", LISTENER, CLIENT, Uint8Array.of(0x40, 1, 0)],
    ["that is empty", LISTENER, CLIENT, new Uint8Array()],
    ["from another port of its client", LISTENER, { ...CLIENT, port: 1 }, encodeChannelData(CHANNEL, DATA)],
    ["from another address", LISTENER, withPort(OTHER_CLIENT, CLIENT.port), encodeChannelData(CHANNEL, DATA)],
    ["to another port of its target", LISTENER, CLIENT, sendIndication({ ...TARGET, port: 1 }, DATA)],
    [
      "with an attribute more",
      LISTENER,
      CLIENT,
      sendIndication(TARGET, DATA, textAttribute(ATTRIBUTE.software, "agent")),
    ],
    [
      "that may not be cut in pieces",
      LISTENER,
      CLIENT,
      sendIndication(TARGET, DATA, { type: ATTRIBUTE.dontFragment, value: new Uint8Array() }),
    ],
    ["of another kind", LISTENER, CLIENT, Buffer.from("neither STUN nor ChannelData")],
    ["of more than it takes upon itself", RELAY, TARGET, TOO_LARGE],
    ["from another port of its target", RELAY, { ...TARGET, port: 1 }, DATA],
    ["from a stranger", RELAY, withPort(OTHER_CLIENT, TARGET.port), DATA],
    ["from its target, but to the listener", LISTENER, TARGET, encodeChannelData(CHANNEL, DATA)],
    ["from its client, but to the relay socket", RELAY, CLIENT, encodeChannelData(CHANNEL, DATA)],
  ])("leaves a packet %s to the relay", (_name, to, from, packet) => {
    openFlow();
    receive(to, from, packet);
    expectReported(packet);
    expectPasses();
  });

  test("leaves everything to the relay from the moment at which it is over, and when it is closed", () => {
    const order = openFlow();
    const packets: [SocketReference, TransportAddress, Uint8Array][] = [
      [LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA)],
      [LISTENER, CLIENT, sendIndication(TARGET, DATA)],
      [RELAY, TARGET, DATA],
    ];
    const expectAllReported = () => {
      for (const packet of packets) {
        receive(...packet);
        expectReported(packet[2]);
      }
    };
    for (const expiresAtMs of [NOW_MS, 0]) {
      cells[CELLS_PER_FLOW + CELL.expiresAtMs] = expiresAtMs;
      expectAllReported();
    }
    cells[CELLS_PER_FLOW + CELL.expiresAtMs] = LIVE_MS;
    expectPasses();
    forwarder.closeFlow(order.slot);
    forwarder.closeFlow(order.slot);
    expectAllReported();
    openFlow(order);
    expectPasses();
  });

  test("of a client that another thread hears carries back only, of a socket that another thread reads out only", () => {
    openFlow({ listener: LISTENER_THERE });
    receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));
    expectReported(encodeChannelData(CHANNEL, DATA));
    receive(RELAY, TARGET, DATA);
    expect(sent.splice(0).map(({ by, to }) => [by, to])).toEqual([[LISTENER_THERE.descriptor, CLIENT]]);
    forwarder.closeFlow(1);
    openFlow({ relay: reference(8) });
    receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));
    expect(sent.splice(0).map(({ by, to }) => [by, to])).toEqual([[reference(8).descriptor, TARGET]]);
  });

  test("ends with its socket, and is nobody's who has the socket's place after that", () => {
    openFlow();
    forwarder.closeSocket(sockets[RELAY.index] as BatchSocket);
    openSocket(RELAY, "relay");
    receive(RELAY, TARGET, DATA);
    expectReported(DATA);
    // Its order comes later; the flow of the next socket stays.
    openFlow({ slot: 2, channel: CHANNEL_THERE });
    forwarder.closeFlow(1);
    receive(RELAY, TARGET, DATA);
    expect(sent).toEqual([
      { by: LISTENER.descriptor, to: CLIENT, bytes: Buffer.from(encodeChannelData(CHANNEL_THERE, DATA)) },
    ]);
  });
});

describe("a flow inside", () => {
  test.each([
    ["ChannelData", CHANNEL_THERE, encodeChannelData(CHANNEL_THERE, DATA)],
    ["a Data indication", NONE, undefined],
  ])("reaches the other client as %s, and is counted at both", (_name, channel, bytes) => {
    openFlow({ inside: insideTo({ channel }) });
    receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));
    const [packet] = sent;
    expect([packet?.by, packet?.to]).toEqual([LISTENER_THERE.descriptor, OTHER_CLIENT]);
    if (bytes !== undefined) expect(packet?.bytes).toEqual(Buffer.from(bytes));
    else expect(packet?.bytes.length).toBe(encodeDataIndication(RELAYED, DATA, 0, DATA.length).length);
    for (const counts of [TOTAL.sentPackets, TOTAL.receivedPackets, TOTAL.insidePackets])
      expect(totals[counts]).toBe(1);
    expect([cell(CELL.sentBytes), cell(CELL.receivedBytes), cell(CELL.lastReceivedMs)]).toEqual([
      DATA.length,
      DATA.length,
      NOW_MS,
    ]);
  });

  test("takes nothing from the relay socket: who sends there by a socket is no client", () => {
    openFlow({ inside: insideTo() });
    receive(RELAY, TARGET, DATA);
    expectReported(DATA);
    receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));
    expect(sent).toHaveLength(1);
  });
});

describe("bandwidth", () => {
  const weight = DATA.length + DATAGRAM_OVERHEAD_BYTES;
  const bucket = (packets: number) => new TokenBucket(0.001, packets * weight);
  const send = () => receive(LISTENER, CLIENT, encodeChannelData(CHANNEL, DATA));

  test.each([
    ["own", TOTAL.overAllocationLimit],
    ["room", TOTAL.overRoomLimit],
    ["total", TOTAL.overTotalLimit],
  ] as const)(
    "a packet that finds its %s bucket empty is dropped and counted, and takes nothing from the others",
    (name, count) => {
      const buckets = { own: bucket(2), room: bucket(2), total: bucket(2), [name]: bucket(1) };
      openFlow({ buckets });
      send();
      for (let i = 0; i < 3; i++) send();
      receive(RELAY, TARGET, DATA);
      expect([sent.length, totals[count], totals[TOTAL.sentPackets]]).toEqual([1, 4, 1]);
      expect([cell(CELL.overLimitOut), cell(CELL.overLimitBack), cell(CELL.sentPackets)]).toEqual([3, 1, 1]);
      for (const other of (["own", "room", "total"] as const).filter((one) => one !== name))
        expect([buckets[other].has(weight, NOW_MS), buckets[other].has(weight + 1, NOW_MS)]).toEqual([
          true,
          false,
        ]);
      expect(reported).toEqual([]);
    },
  );

  test("inside, the other one's own is asked too: what it has not is sent and not received", () => {
    const total = bucket(10);
    openFlow({ buckets: { ...NO_BUCKETS, total }, inside: insideTo({ own: bucket(1) }) });
    for (let i = 0; i < 3; i++) send();
    expect([sent.length, totals[TOTAL.sentPackets], totals[TOTAL.receivedPackets]]).toEqual([1, 3, 1]);
    expect([totals[TOTAL.overAllocationLimit], cell(CELL.overLimitThere), cell(CELL.overLimitOut)]).toEqual([
      2, 2, 0,
    ]);
    // Counted once, at whoever sent it.
    expect([total.has(7 * weight, NOW_MS), total.has(8 * weight, NOW_MS)]).toEqual([true, false]);
  });
});

describe("Binding requests", () => {
  const request = encodeMessage(
    { method: METHOD.binding, messageClass: "request", transactionId: Buffer.alloc(12, 7) },
    [],
  );
  const LOOPBACK = address("127.0.0.1", 4001);

  function answer(burst: number, exemptLoopback = true): void {
    const limiter = new SourceLimiter({ burst, perSecond: 1 }, () => NOW_MS);
    forwarder.answerBindings({ limiter, exemptLoopback });
  }

  test("are the relay's until somebody says otherwise, and at listeners with more to say", () => {
    receive(LISTENER, CLIENT, request);
    expectReported(request);
    answer(10);
    openSocket(LISTENER, "listener");
    receive(LISTENER, CLIENT, request);
    expectReported(request);
    receive(RELAY, CLIENT, request);
    expectReported(request);
    openSocket(LISTENER, "answering");
    receive(LISTENER, CLIENT, request);
    expect(sent.map(({ by, to }) => [by, to])).toEqual([[LISTENER.descriptor, CLIENT]]);
    expect(decodeMessage(sent[0]?.bytes ?? Buffer.alloc(0))).toMatchObject({
      ok: true,
      message: { messageClass: "success" },
    });
  });

  test("are limited by source, but for loopback where it is exempt", () => {
    answer(2);
    for (let i = 0; i < 5; i++) receive(LISTENER, CLIENT, request);
    expect([sent.length, totals[TOTAL.bindings], totals[TOTAL.bindingsLimited]]).toEqual([2, 2, 3]);
    receive(LISTENER, OTHER_CLIENT, request);
    for (let i = 0; i < 5; i++) receive(LISTENER, LOOPBACK, request);
    expect([totals[TOTAL.bindings], totals[TOTAL.bindingsLimited]]).toEqual([8, 3]);
    answer(2, false);
    for (let i = 0; i < 5; i++) receive(LISTENER, LOOPBACK, request);
    expect([totals[TOTAL.bindings], totals[TOTAL.bindingsLimited]]).toEqual([10, 6]);
    expect(reported).toEqual([]);
  });

  test("from port 0 are the relay's", () => {
    answer(10);
    receive(LISTENER, { ...CLIENT, port: 0 }, request);
    expectReported(request);
  });
});
