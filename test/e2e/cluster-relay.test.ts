/** A room's relay is at one node, whichever nodes its members came by. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatIp } from "../../src/stun/address.ts";
import { OUTSIDE, RoomBench } from "../support/room-bench.ts";
import { testConfig } from "../support/test-config.ts";
import { Node } from "./support/cluster-lab.ts";
import { eventually } from "./support/eventually.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { isMissing } from "./support/requirements.ts";

const ROOM = "blue-fox";
const NODE_TIMEOUT_MS = 1000;
const CHANNEL = 0x4000;

describe.skipIf(isMissing("redis-server"))("a room at one node, with a member who came by another", () => {
  let redis: RedisProcess;
  let bench: RoomBench;
  let west: Node;

  beforeEach(async () => {
    redis = await RedisProcess.start();
    bench = new RoomBench();
    const config = { redis: redis.url, nodeTimeoutSeconds: NODE_TIMEOUT_MS / 1000 };
    await bench.start(config);
    west = await Node.start(testConfig(config));
    // The first beat of each has been heard by the other.
    await eventually(
      "two nodes",
      () => bench.metric("turnpike_cluster_nodes"),
      (nodes) => nodes === 2,
    );
    await eventually(
      "a settled index",
      () => bench.metric("turnpike_cluster_ready"),
      (ready) => ready === 1,
    );
    await west.becomesReady();
  });

  afterEach(async () => {
    await bench?.close();
    await west?.server.close();
    await redis?.stop();
  });

  test("knows a candidate at the moment at which the other member has it", async () => {
    const ann = await bench.join(ROOM);
    const ben = await bench.join(ROOM, west.url);
    const outsider = await bench.outsider();
    const relay = await ann.relay();
    await relay.allocate();
    expect((await relay.channelBind(CHANNEL, outsider.address)).outcome).toBe(403);
    await ben.claim(ann, formatIp(OUTSIDE));
    expect((await relay.channelBind(CHANNEL, outsider.address)).outcome).toBe("success");
  });

  test("relays for both inside one process, and does not notice that Redis goes", async () => {
    const ann = await bench.join(ROOM);
    const ben = await bench.join(ROOM, west.url);
    const [ofAnn, ofBen] = [await ann.relay(), await ben.relay()];
    const { relayedAddress: annsAddress } = await ofAnn.allocate();
    const { relayedAddress: bensAddress } = await ofBen.allocate();
    if (annsAddress === undefined || bensAddress === undefined) throw new Error("no relayed address");
    expect((await ofAnn.channelBind(CHANNEL, bensAddress)).outcome).toBe("success");
    expect((await ofBen.channelBind(CHANNEL, annsAddress)).outcome).toBe("success");
    await redis.stop();
    const until = performance.now() + 2 * NODE_TIMEOUT_MS;
    for (let round = 0; performance.now() < until; round++) {
      await ofAnn.sendChannelData(CHANNEL, Buffer.from(`to Ben ${round}`));
      expect((await ofBen.data.take()).data).toEqual(Buffer.from(`to Ben ${round}`));
      await ofBen.sendChannelData(CHANNEL, Buffer.from(`to Ann ${round}`));
      expect((await ofAnn.data.take()).data).toEqual(Buffer.from(`to Ann ${round}`));
    }
    expect((await ofBen.refresh(600)).outcome).toBe("success");
    // What is said meanwhile is done when it is back: both lose the relay with their seats.
    ben.signaling.send({ type: "leave" });
    await redis.startAgain();
    await ann.signaling.next("room-closed");
    expect((await ofBen.refresh(600)).outcome).toBe(401);
    expect((await ofAnn.refresh(600)).outcome).toBe(401);
  });
});
