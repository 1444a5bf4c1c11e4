/** A member is kicked while its call runs at full load: what is sent after that arrives nowhere, and the metrics know every packet. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { openWire } from "../../bench/generator/open-wire.ts";
import type { Wire } from "../../bench/generator/wire.ts";
import { type TransportAddress, withPort } from "../../src/stun/address.ts";
import { type Flow, LOAD_BYTES, LOAD_CHANNEL, Load, type LoadClient, WINDOW } from "../support/load.ts";
import { RoomBench } from "../support/room-bench.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";

const ROOM = "blue";
/** Before the kick, of each flow. */
const ENOUGH = 200;
const AFTER = 100;

let bench: RoomBench;
let wire: Wire;
beforeEach(async () => {
  bench = new RoomBench();
  wire = await openWire("auto");
});
afterEach(async () => {
  await wire.close();
  await bench.close();
});

interface Member extends LoadClient {
  readonly peer: string;
  readonly relayed: TransportAddress;
}

async function join(load: Load, name: string): Promise<Member> {
  const { peer, credentials } = await bench.join(ROOM);
  const client = await load.client(name, LOOPBACK_4, credentials);
  const { relayedAddress: relayed } = await client.turn.allocate();
  if (relayed === undefined) throw new Error("no relayed address");
  return { ...client, peer, relayed };
}

/** From each of these to each other: by its channel to the first, as Send indications to the second. */
async function connect(
  load: Load,
  members: readonly Member[],
): Promise<readonly (readonly [Flow, Member, Member])[]> {
  const flows = [];
  for (const from of members) {
    const [first, second] = members.filter((other) => other !== from) as [Member, Member];
    expect((await from.turn.channelBind(LOAD_CHANNEL, first.relayed)).outcome).toBe("success");
    expect((await from.turn.createPermission(second.relayed)).outcome).toBe("success");
    flows.push([load.addUp(`${from.name} to ${first.name}`, from, first), from, first] as const);
    flows.push([
      load.addUp(`${from.name} to ${second.name}`, from, second, second.relayed),
      from,
      second,
    ] as const);
  }
  return flows;
}

const arrivedOf = (flows: readonly Flow[]) => flows.reduce((sum, { arrived }) => sum + arrived, 0);

test.each([1, 2])("with %i workers", async (workers) => {
  // Without a limit of bandwidth for the room.
  const limits = { maxBitsPerSecondPerRoom: 0 };
  const server = await bench.start({ workers, roomSize: 3, clearOnLeave: false, limits });
  const load = new Load(wire, withPort(LOOPBACK_4, bench.turnPort), () => 0);
  const members = [await join(load, "ann"), await join(load, "ben"), await join(load, "cleo")] as const;
  const [, ben] = members;
  const flows = await connect(load, members);
  load.start();
  await expect
    .poll(() => Math.min(...flows.map(([flow]) => flow.arrived)), { timeout: 5000 })
    .toBeGreaterThan(ENOUGH);

  expect(await server.rooms.kick(ROOM, ben.peer, "a test")).toBe(true);
  const sent = flows.map(([flow]) => flow.sent);
  load.stop();
  for (let i = 0; i < AFTER; i++) {
    for (const [flow] of flows) flow.sendNext();
    await new Promise(setImmediate);
  }
  await load.rest();

  let lost = 0;
  for (const [i, [flow, from, to]] of flows.entries()) {
    const before = sent[i] ?? 0;
    const arrivedLater = flow.arrivedAt.slice(before).filter((place) => place !== undefined).length;
    expect([flow.name, arrivedLater]).toEqual([flow.name, from === ben || to === ben ? 0 : AFTER]);
    if (from !== ben && to !== ben) expect(flow.lost).toEqual([]);
    else expect(flow.lost.filter((number) => number < before).length).toBeLessThanOrEqual(WINDOW);
    lost += flow.lost.length;
  }
  const arrived = arrivedOf(flows.map(([flow]) => flow));
  const relayed = (unit: string, direction: string) =>
    bench.metric(`turnpike_relayed_${unit}_total{direction="${direction}"}`);
  expect({
    strays: load.strays,
    sent: [await relayed("packets", "sent"), await relayed("bytes", "sent")],
    received: [await relayed("packets", "received"), await relayed("bytes", "received")],
    inside: await bench.metric("turnpike_relayed_inside_packets_total"),
  }).toEqual({
    strays: 0,
    sent: [arrived, arrived * LOAD_BYTES],
    received: [arrived, arrived * LOAD_BYTES],
    inside: arrived,
  });
  const dropped = (reason: string) => bench.metric(`turnpike_dropped_packets_total{reason="${reason}"}`);
  expect((await dropped("no-allocation")) + (await dropped("own-address"))).toBe(lost);
});
