/** What the relay takes back, and what it counts. */

import { describe, expect, test } from "vitest";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { CHANNEL_LIFETIME_MS, PERMISSION_LIFETIME_MS } from "../../../src/turn/allocation.ts";
import { allocate, allocateBoth, assertSuccess } from "../../conformance/checks.ts";
import type { Peer } from "../../conformance/target.ts";
import {
  CHANNEL,
  type FlowBench,
  MEDIA,
  OTHER_CHANNEL,
  openCarried,
  openFlow,
  openInside,
} from "../../support/flow-bench.ts";
import { allocateMobile, moveTo } from "../../support/mobility.ts";
import type { TurnClient } from "../../support/turn-client.ts";

const LIFETIME_SECONDS = 600;

type Running = FlowBench & Awaited<ReturnType<typeof openFlow>>;

const ENDS: Record<string, (running: Running) => unknown> = {
  "a Refresh": ({ client }) => client.refresh(LIFETIME_SECONDS),
  "a Refresh that ends the allocation": ({ client }) => client.refresh(0),
  "a CreatePermission, for whatever address": async ({ client, target }) =>
    client.createPermission((await target.peer({ host: 1 })).address),
  "a CreatePermission that is refused": ({ client }) => client.createPermission(),
  "a ChannelBind, of whatever channel": async ({ client, target }) =>
    client.channelBind(OTHER_CHANNEL, (await target.peer({ host: 1 })).address),
  "the end of the permission, at the next sweep": ({ target: { controls } }) => {
    controls.advance(PERMISSION_LIFETIME_MS / 1000);
    controls.sweep();
  },
  "the end of the allocation, at the next sweep": ({ target: { controls } }) => {
    controls.advance(LIFETIME_SECONDS);
    controls.sweep();
  },
  "the removal of a static user": ({ turn, target }) => turn.closeStaticUser(target.alice.username),
  "the relay's end": ({ turn }) => turn.close(),
};

const KEEPS: Record<string, (running: Running) => unknown> = {
  "a Binding request": ({ client }) => client.bind(),
  "a request that is not authenticated": ({ client }) => client.ask(METHOD.refresh),
  "a request with a wrong password": ({ client }) =>
    client.request(METHOD.createPermission, [], { password: "wrong" }),
  "packets of its own": async ({ client, peer, relayed }) => {
    await client.sendChannelData(CHANNEL, MEDIA);
    await client.sendIndication(peer.address, MEDIA);
    await peer.send(relayed, MEDIA);
  },
  "packets that do not pass": ({ client }) => client.sendChannelData(OTHER_CHANNEL, MEDIA),
  "requests of others": async ({ target }) => {
    const other = await target.client({ as: target.bob });
    await allocate(other);
    await other.refresh(0);
  },
  "a sweep": ({ target }) => target.controls.sweep(),
  "the removal of another user": ({ turn, target }) => turn.closeStaticUser(target.bob.username),
};

describe("a flow ends with", () => {
  test.each(Object.keys(ENDS))("%s", async (name) => {
    const bench = openCarried();
    const running = { ...bench, ...(await openFlow(bench)) };
    await ENDS[name]?.(running);
    expect(running.flow.isOver).toBe(true);
    expect(bench.carrier.live).toEqual([]);
  });

  test("a move of its client, and is not begun again before that is complete", async () => {
    const { target, carrier } = openCarried();
    const { client, ticket } = await allocateMobile(await target.client());
    const [peer, moved] = [await target.peer(), await target.client({ host: 1 })];
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live).toHaveLength(1);
    assertSuccess(await moveTo(moved, ticket, LIFETIME_SECONDS), "Refresh with the ticket");
    expect(carrier.live).toEqual([]);
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live).toEqual([]);
    await moved.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.map(({ ends }) => ends.link.remote)).toEqual([moved.local]);
    expect(peer.packets.drain()).toHaveLength(3);
    await target.close();
  });

  test("a change at the client that it reaches inside", async () => {
    const changes: ((client: TurnClient, peer: Peer) => unknown)[] = [
      (client) => client.refresh(LIFETIME_SECONDS),
      (client, peer) => client.createPermission(peer.address),
      (client, peer) => client.channelBind(OTHER_CHANNEL, peer.address),
      (client) => client.refresh(0),
    ];
    for (const change of changes) {
      const bench = openCarried();
      const { clients, flows } = await openInside(bench);
      await change(clients[1], await bench.target.peer());
      expect(flows.map(({ isOver }) => isOver)).toEqual([true, true]);
      await bench.target.close();
    }
  });

  test("one of two relayed addresses, and only over that one", async () => {
    const { target, carrier } = openCarried();
    const client = await target.client();
    await allocateBoth(client);
    const peers = [await target.peer(), await target.peer({ family: 6 })] as const;
    assertSuccess(await client.createPermission(...peers.map(({ address }) => address)), "CreatePermission");
    const sendAll = async () => {
      for (const { address } of peers) await client.sendIndication(address, MEDIA);
    };
    await sendAll();
    expect(carrier.live).toHaveLength(2);
    const ipv6 = { type: ATTRIBUTE.requestedAddressFamily, value: Buffer.from([2, 0, 0, 0]) };
    assertSuccess(await client.refresh(0, [ipv6]), "Refresh(0) of one");
    await sendAll();
    expect(carrier.live.map(({ ends }) => ends.target)).toEqual([peers[0].address]);
    await target.close();
  });
});

describe("a flow goes on after", () => {
  test.each(Object.keys(KEEPS))("%s", async (name) => {
    const bench = openCarried();
    const running = { ...bench, ...(await openFlow(bench)) };
    await KEEPS[name]?.(running);
    expect(bench.carrier.flows).toEqual([running.flow]);
    expect(running.flow.isOver).toBe(false);
    await bench.target.close();
  });
});

test("one that was ended by whoever carried it is begun again with the next packet", async () => {
  const bench = openCarried();
  const { client, flow } = await openFlow(bench);
  flow.isOver = true;
  await client.sendChannelData(CHANNEL, MEDIA);
  expect(bench.carrier.live).toHaveLength(1);
  expect(bench.carrier.live[0]).not.toBe(flow);
  await bench.target.close();
});

test("a channel that is over ends nothing but itself: what follows goes as indications", async () => {
  const bench = openCarried({});
  const { client, peer } = await openFlow(bench);
  const { controls } = bench.target;
  for (let seconds = 0; seconds < CHANNEL_LIFETIME_MS / 1000; seconds += 200) {
    controls.advance(200);
    assertSuccess(await client.refresh(LIFETIME_SECONDS), "Refresh");
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  }
  await client.sendChannelData(CHANNEL, MEDIA);
  expect(bench.carrier.live).toEqual([]);
  await client.sendIndication(peer.address, MEDIA);
  expect(bench.carrier.live.map(({ ends }) => ends.channel)).toEqual([undefined]);
  await bench.target.close();
});

describe("what was carried is counted once", () => {
  test("for the allocation: while it goes on, when it ends, and what a thread was in the middle of then", async () => {
    const closed: number[] = [];
    const bench = openCarried({}, { allocationClosed: ({ sentPackets }) => closed.push(sentPackets) });
    const { client, flow } = await openFlow(bench);
    flow.carried({ sentPackets: 10, sentBytes: 1000, overLimitPackets: 2 });
    bench.target.controls.sweep();
    bench.target.controls.sweep();
    flow.carried({ sentPackets: 15 });
    assertSuccess(await client.refresh(LIFETIME_SECONDS), "Refresh");
    flow.carried({ sentPackets: 17 });
    flow.settle();
    flow.settle();
    await client.refresh(0);
    // One was judged here.
    expect(closed).toEqual([18]);
    await bench.target.close();
  });

  test("for both ends inside", async () => {
    const closed: (readonly number[])[] = [];
    const bench = openCarried(
      {},
      {
        allocationClosed: (counts) =>
          closed.push([counts.sentPackets, counts.receivedPackets, counts.overLimitPackets]),
      },
    );
    const { clients, flows } = await openInside(bench);
    flows[0]?.carried({ sentPackets: 10, receivedPackets: 8, overLimitPackets: 1, overLimitThere: 2 });
    flows[1]?.carried({ sentPackets: 100, receivedPackets: 100 });
    bench.target.controls.sweep();
    for (const client of clients) await client.refresh(0);
    expect(closed).toEqual([
      [11, 101, 1],
      [101, 9, 2],
    ]);
    await bench.target.close();
  });

  test("for the relay, with what others have answered and dropped", async () => {
    const { target, turn, carrier, answers } = openCarried();
    const { drops } = turn.counters;
    const before = { ...turn.counters, drops: { ...drops } };
    const totals = {
      ...{
        sentPackets: 5,
        sentBytes: 500,
        receivedPackets: 4,
        receivedBytes: 400,
        insidePackets: 3,
        bindings: 2,
      },
      drops: { overloaded: 6, "room-bandwidth": 7 },
    };
    carrier.carried(totals);
    for (let i = 0; i < 2; i++) {
      target.controls.sweep();
      expect(turn.counters).toMatchObject({
        sentPackets: before.sentPackets + 5,
        receivedBytes: before.receivedBytes + 400,
        insidePackets: before.insidePackets + 3,
        unauthenticatedAnswers: before.unauthenticatedAnswers + 2,
        drops: { ...before.drops, overloaded: 6, "room-bandwidth": 7 },
      });
    }
    expect(answers.get("binding 0")).toBe(1);
    await target.close();
  });
});
