/** ConnectionBind, and the life of what is bound (RFC 6062 sections 5.4 and 5.5). */

import { describe, expect, it } from "vitest";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { assertSuccess } from "../../conformance/checks.ts";
import { BOB } from "../../conformance/target.ts";
import { address, TcpBench, type TcpBenchOptions } from "../../support/tcp-bench.ts";
import {
  bindConnection,
  connectionId,
  connectionIdOf,
  connectTo,
  readConnectionAttempt,
} from "../../support/tcp-requests.ts";

const BITS_PER_SECOND = 8_000_000;
/** What a bucket holds at this rate, by the default burst of a second. */
const BURST_BYTES = BITS_PER_SECOND / 8;
const PEER = address("89.160.20.1", 7000);

/** A peer has connected, and nobody has bound it. */
async function openPending(options?: TcpBenchOptions) {
  const bench = new TcpBench(options);
  const control = await bench.allocate();
  assertSuccess(await control.client.createPermission(PEER), "CreatePermission");
  const stream = control.relay.accept(PEER);
  const id = control.client.strays.splice(0).map(readConnectionAttempt)[0]?.id;
  return { bench, control, stream, id };
}

async function openBound(options?: TcpBenchOptions) {
  const pending = await openPending(options);
  const data = pending.bench.connect();
  assertSuccess(await bindConnection(data.client, pending.id), "ConnectionBind");
  const [carried] = data.carried;
  if (carried === undefined) throw new Error("nothing is carried");
  return { ...pending, meter: carried.meter };
}

describe("ConnectionBind", () => {
  it("is answered, and then the connection carries the peer's", async () => {
    const { bench, stream, id } = await openPending();
    const data = bench.connect();
    const answer = await bindConnection(data.client, id);
    expect([answer.outcome, answer.isAuthentic]).toEqual(["success", true]);
    expect(data.carried.map((one) => one.stream)).toEqual([stream]);
  });

  it("without CONNECTION-ID, with a malformed or an unknown one gets 400", async () => {
    const { bench, id } = await openPending();
    const { client } = bench.connect();
    const malformed = { type: ATTRIBUTE.connectionId, value: new Uint8Array(8) };
    expect((await bindConnection(client, undefined)).outcome).toBe(400);
    expect((await client.request(METHOD.connectionBind, [malformed])).outcome).toBe(400);
    expect((await bindConnection(client, ((id ?? 0) ^ 1) >>> 0)).outcome).toBe(400);
    assertSuccess(await bindConnection(client, id), "ConnectionBind");
  });

  it("binds a connection once: 400 for the second", async () => {
    const { bench, id } = await openPending();
    assertSuccess(await bindConnection(bench.connect().client, id), "ConnectionBind");
    const { client } = bench.connect();
    expect((await bindConnection(client, id)).outcome).toBe(400);
    assertSuccess(await client.bind(), "Binding");
  });

  it("of another user gets 441, and the owner's connection goes on waiting", async () => {
    const { bench, stream, id } = await openPending();
    const { client, carried } = bench.connect(BOB);
    expect((await bindConnection(client, id)).outcome).toBe(441);
    expect([carried, stream.isClosed]).toEqual([[], false]);
    assertSuccess(await bindConnection(bench.connect().client, id), "ConnectionBind");
  });

  it("with a wrong password gets 401", async () => {
    const { bench, id } = await openPending();
    const { client } = bench.connect();
    const wrong = { password: "wrong" };
    const attributes = [{ type: ATTRIBUTE.connectionId, value: Buffer.alloc(4) }];
    expect((await client.request(METHOD.connectionBind, attributes, wrong)).outcome).toBe(401);
    assertSuccess(await bindConnection(client, id), "ConnectionBind");
  });

  it("on a control connection gets 437, and the allocation stays", async () => {
    const { control, id } = await openPending();
    expect((await bindConnection(control.client, id)).outcome).toBe(437);
    expect(control.carried).toEqual([]);
    assertSuccess(await control.client.refresh(), "Refresh");
  });

  it("over UDP gets 400", async () => {
    const { bench, id } = await openPending();
    expect((await bindConnection(bench.connect(undefined, "udp").client, id)).outcome).toBe(400);
    assertSuccess(await bindConnection(bench.connect().client, id), "ConnectionBind");
  });

  it("may bring the nonce of its control connection along, and nobody else's", async () => {
    const { bench, control, id } = await openPending();
    const other = await bench.allocate();
    const [wrong, right] = [bench.connect(), bench.connect()];
    wrong.client.learnFrom(other.client);
    expect((await bindConnection(wrong.client, id)).outcome).toBe(438);
    right.client.learnFrom(control.client);
    assertSuccess(await bindConnection(right.client, id), "ConnectionBind");
  });

  it("of another user may not bring that nonce along: it would be from wherever it says", async () => {
    const { bench, control, id } = await openPending();
    const stranger = bench.connect(BOB);
    const { nonce } = await control.client.authentication();
    const request = [connectionId(id ?? 0)];
    expect((await stranger.client.request(METHOD.connectionBind, request, { nonce })).outcome).toBe(438);
    expect((await stranger.client.request(METHOD.connectionBind, request)).outcome).toBe(441);
    assertSuccess(await bindConnection(bench.connect().client, id), "ConnectionBind");
  });

  it("is accepted under the key of the allocation, whatever became of the secret", async () => {
    const { bench, id } = await openPending();
    const before = bench.connect();
    bench.credentials.rotate();
    assertSuccess(await bindConnection(before.client, id), "ConnectionBind");
  });

  it("comes too late after 30 seconds: the connection is closed, 400", async () => {
    const { bench, stream, id } = await openPending();
    bench.advance(29);
    expect(stream.isClosed).toBe(false);
    bench.advance(1);
    expect(stream.isClosed).toBe(true);
    const { client } = bench.connect();
    expect((await bindConnection(client, id)).outcome).toBe(400);
    assertSuccess(await client.bind(), "Binding");
  });

  it("is counted from when a Connect succeeded", async () => {
    const { bench, control } = await openPending();
    const answer = connectTo(control.client, address("89.160.20.2", 1));
    await expect.poll(() => control.relay.connects).toHaveLength(1);
    bench.advance(20);
    const stream = control.relay.connects[0]?.succeed();
    bench.advance(29);
    assertSuccess(
      await bindConnection(bench.connect().client, connectionIdOf(await answer)),
      "ConnectionBind",
    );
    expect(stream?.isClosed).toBe(false);
  });
});

describe("what is bound", () => {
  it("is counted in bytes, and keeps its seat as packets do", async () => {
    const { bench, meter } = await openBound();
    bench.advance(5);
    meter.sent(1000);
    meter.received(200);
    const { sentBytes, receivedBytes, sentPackets, receivedPackets } = bench.turn.counters;
    expect([sentBytes, receivedBytes, sentPackets, receivedPackets]).toEqual([1000, 200, 0, 0]);
    const before = bench.turn.lastRelayedAtMs("alice");
    bench.advance(5);
    meter.received(1);
    expect(bench.turn.lastRelayedAtMs("alice")).toBe((before ?? 0) + 5000);
  });

  it("is closed when it has carried nothing for too long", async () => {
    const { bench, stream, meter } = await openBound({ limits: { relayedConnectionIdleSeconds: 60 } });
    bench.advance(59);
    meter.sent(1);
    bench.advance(59);
    expect(stream.isClosed).toBe(false);
    bench.advance(1);
    expect([stream.isClosed, bench.turn.relayedConnectionCount]).toEqual([true, 0]);
  });

  it("pauses for what is over the limit of its allocation, or of all", async () => {
    for (const limit of ["maxBitsPerSecondPerAllocation", "maxBitsPerSecond"]) {
      const { bench, meter } = await openBound({ limits: { [limit]: BITS_PER_SECOND } });
      expect(meter.sent(BURST_BYTES)).toBe(0);
      expect(meter.received(BITS_PER_SECOND / 8)).toBeCloseTo(1000);
      bench.advance(1);
      expect(meter.sent(BITS_PER_SECOND / 16)).toBeCloseTo(500);
    }
  });

  it("ends with the lifetime of its allocation", async () => {
    const { bench, control, stream, meter } = await openBound();
    for (let passed = 0; passed < 599; passed++) {
      bench.advance(1);
      meter.sent(1);
    }
    expect(stream.isClosed).toBe(false);
    bench.advance(1);
    expect([stream.isClosed, control.relay.isListening, bench.ends]).toEqual([true, false, ["expired"]]);
  });

  it("ends with Refresh(0)", async () => {
    const { bench, control, stream } = await openBound();
    assertSuccess(await control.client.refresh(0), "Refresh(0)");
    expect([stream.isClosed, bench.turn.relayedConnectionCount]).toEqual([true, 0]);
  });

  it("ends with the control connection", async () => {
    const { bench, control, stream } = await openBound();
    control.disconnect();
    expect([stream.isClosed, bench.ends, bench.turn.relayedConnectionCount]).toEqual([
      true,
      ["link-closed"],
      0,
    ]);
  });

  it("ends with the relay", async () => {
    const { bench, stream } = await openBound();
    bench.turn.close();
    expect([stream.isClosed, bench.turn.relayedConnectionCount]).toEqual([true, 0]);
  });
});

it("an observer's or a link's defect ends nothing else", async () => {
  const { bench, control } = await openPending();
  control.link.send = () => {
    throw new Error("the link is broken");
  };
  control.relay.accept(address("89.160.20.1", 7001));
  expect(bench.failures).toHaveLength(1);
  assertSuccess(await bench.connect().client.bind(), "Binding");
});
