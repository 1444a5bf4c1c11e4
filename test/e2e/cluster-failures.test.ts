/** Redis goes, comes back, is empty, hangs; nodes die or are cut off. docs/cluster.md says what is to be seen then. */

import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/signaling/protocol.ts";
import type { SignalingClient } from "../support/signaling-client.ts";
import { ClusterLab, type Node } from "./support/cluster-lab.ts";
import { eventually } from "./support/eventually.ts";
import { RedisLine } from "./support/redis-line.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const ROOM = "blue-fox";
const NODE_TIMEOUT_MS = 1000;
const ANSWERED_WITHIN_MS = 2000;
const RESUME_SECONDS = 1;
const PASSWORD = "a password that nobody may see";

describe.skipIf(isMissing("redis-server"))("nodes over a Redis that fails", () => {
  let lab: ClusterLab;
  let east: Node;
  let west: Node;

  beforeEach(async () => {
    lab = await ClusterLab.start();
    [east, west] = [await lab.node(), await lab.node()];
  });
  afterEach(() => lab?.end());

  /** One at each node; the room lives in the east. */
  async function pair(room = ROOM) {
    const [ann, bob] = [await lab.client(east), await lab.client(west)];
    const ofAnn = await ann.join(room);
    const ofBob = await bob.join(room);
    return { ann, bob, ofAnn, ofBob };
  }

  /** How a join is refused, and that it does not take long. */
  async function refusal(node: Node, room: string): Promise<ErrorCode> {
    const client = await lab.client(node);
    const sentAtMs = performance.now();
    client.send({ type: "join", v: 1, room });
    const { code } = await client.next("error");
    expect(performance.now() - sentAtMs).toBeLessThan(ANSWERED_WITHIN_MS);
    return code;
  }

  test("while Redis is away joins are unavailable, calls go on, and what nodes say waits", async () => {
    const { ann, bob } = await pair();
    const [carl, dora] = [await lab.client(east), await lab.client(east)];
    await carl.join("local");
    await dora.join("local");
    await lab.redis.stop();
    for (const node of [east, west])
      for (const room of [ROOM, "local", "new"]) expect(await refusal(node, room)).toBe("unavailable");
    expect(await east.isReady()).toBe(false);
    carl.send({ type: "message", data: "to my neighbour" });
    expect(await dora.next("message")).toMatchObject({ data: "to my neighbour" });
    for (let data = 0; data < 10; data++) bob.send({ type: "message", data });
    await delay(2 * NODE_TIMEOUT_MS);
    expect(bob.received.filter(({ type }) => type === "ok")).toEqual([]);
    await lab.redis.startAgain();
    for (let data = 0; data < 10; data++) expect(await ann.next("message")).toMatchObject({ data });
    for (let data = 0; data < 10; data++) await bob.next("ok");
    await eventuallyJoined(west, "new");
  });

  test("a Redis that came back empty gives no name away: first every node has its say", async () => {
    await pair();
    await lab.redis.stop();
    await lab.redis.startAgain();
    await eventually(
      "Redis in use",
      () => lab.redis.ask("EXISTS turnpike:epoch"),
      (answer) => answer === ":1\r\n",
    );
    expect(await refusal(west, "new")).toBe("unavailable");
    await eventuallyJoined(west, "new");
    expect(await refusal(west, ROOM)).toBe("room-full");
    expect(await refusal(east, ROOM)).toBe("room-full");
  });

  test("nor does one that was emptied while it was in use", async () => {
    const { ann, bob } = await pair();
    for (let round = 0; round < 5; round++) {
      await lab.redis.empty();
      const codes = await Promise.all([refusal(west, ROOM), refusal(east, ROOM)]);
      for (const code of codes) expect(["room-full", "unavailable"]).toContain(code);
      bob.send({ type: "message", data: round });
      expect(await ann.next("message")).toMatchObject({ data: round });
    }
    await eventuallyJoined(west, "new");
    expect(await refusal(west, ROOM)).toBe("room-full");
  });

  test("a Redis that hangs is answered for in time, and nothing that was said is lost", async () => {
    const { ann, bob } = await pair();
    lab.redis.pause();
    expect(await refusal(west, "new")).toBe("unavailable");
    expect(await refusal(west, ROOM)).toBe("unavailable");
    bob.send({ type: "message", data: "said while it hung" });
    await delay(2 * NODE_TIMEOUT_MS);
    expect(await refusal(east, ROOM)).toBe("unavailable");
    lab.redis.goOn();
    expect(await ann.next("message")).toMatchObject({ data: "said while it hung" });
    await bob.next("ok");
    await eventuallyJoined(west, "new");
    expect(await refusal(west, ROOM)).toBe("room-full");
  });

  test("a connection that is dead without a word is found, and what was said arrives", async () => {
    const line = await RedisLine.to(lab.redis);
    const deaf = await lab.node({ redis: line.url });
    const [ann, bob] = [await lab.client(east), await lab.client(deaf)];
    await ann.join(ROOM);
    await bob.join(ROOM);
    line.mute();
    ann.send({ type: "message", data: "do you hear me?" });
    bob.send({ type: "message", data: "and you?" });
    expect(await bob.next("message")).toMatchObject({ data: "do you hear me?" });
    expect(await ann.next("message")).toMatchObject({ data: "and you?" });
    await line.close();
  });

  test("a node that is cut off keeps its call, lets nobody in, and gives the room up if it was made anew", async () => {
    const line = await RedisLine.to(lab.redis);
    const alone = await lab.node({ redis: line.url });
    const [ann, bob] = [await lab.client(alone), await lab.client(alone)];
    const ofAnn = await ann.join(ROOM);
    await bob.join(ROOM);
    line.cut();
    expect(await refusal(alone, ROOM)).toBe("unavailable");
    // The others take it for dead in time, and the name is free.
    const carl = await eventuallyJoined(west, ROOM);
    bob.send({ type: "message", data: "we go on" });
    expect(await ann.next("message")).toMatchObject({ data: "we go on" });
    line.mend();
    expect((await ann.closed).code).toBe(1012);
    await alone.becomesReady();
    const again = await lab.client(alone);
    again.send({ type: "join", v: 1, resumeToken: ofAnn.resumeToken, lastSeq: 0 });
    expect(await again.next("error")).toMatchObject({ code: "resume-failed" });
    expect(await again.join(ROOM)).toMatchObject({ created: false });
    await carl.next("peer-joined");
    expect(await refusal(alone, ROOM)).toBe("room-full");
    await line.close();
  });

  test("a room that a replica had not heard of is made twice for a moment, and then is one again", async () => {
    const { ann } = await pair();
    const key = `turnpike:room:${createHash("sha256").update(ROOM).digest("base64url")}`;
    expect(await lab.redis.ask(`DEL ${key}`)).toBe(":1\r\n");
    const [carl, dora] = [await lab.client(west), await lab.client(west)];
    expect(await carl.join(ROOM)).toMatchObject({ created: true });
    expect(await dora.join(ROOM)).toMatchObject({ created: false });
    // As after a failover: every connection is new, and every node says what it has.
    await lab.redis.ask("CLIENT KILL TYPE normal");
    expect((await ann.closed).code).toBe(1012);
    await eventually(
      "Redis in use again",
      () => east.isReady(),
      (ready) => ready,
    );
    expect(await refusal(east, ROOM)).toBe("room-full");
    carl.send({ type: "message", data: "not our trouble" });
    expect(await dora.next("message")).toMatchObject({ data: "not our trouble" });
  });

  async function eventuallyJoined(node: Node, room: string): Promise<SignalingClient> {
    const client = await lab.client(node);
    await eventually(
      "a join of a room whose node is gone",
      async () => {
        const answers = client.received.length;
        client.send({ type: "join", v: 1, room });
        await eventually(
          "an answer",
          () => client.received.length > answers,
          (isThere) => isThere,
        );
        return client.received.at(-1)?.type;
      },
      (type) => type === "joined",
    );
    return client;
  }

  test("a room that ended leaves nothing in Redis, nor does a node that was stopped", async () => {
    const { ann, bob } = await pair();
    expect(await lab.redis.ask(`SCARD turnpike:rooms:missing`)).toBe(":0\r\n");
    expect(await lab.redis.ask("DBSIZE")).toBe(":5\r\n");
    bob.send({ type: "leave" });
    await ann.next("room-closed");
    await eventually(
      "no room in Redis",
      () => lab.redis.ask("DBSIZE"),
      (size) => size === ":3\r\n",
    );
    await east.server.close();
    await west.server.close();
    await eventually(
      "no node in Redis",
      () => lab.redis.ask("ZCARD turnpike:nodes"),
      (n) => n === ":0\r\n",
    );
  });

  test("a password is in no line of the log, whether it is the right one or not", async () => {
    const locked = await ClusterLab.start({ password: PASSWORD.replaceAll(" ", "-") });
    const wrong = locked.redis.url.replace("a-password", "another-password");
    const node = await locked.node();
    await (await locked.client(node)).join(ROOM);
    const refused = await lab.node({ redis: lab.redis.url });
    const lines = [...node.log, ...refused.log, ...(await logOf(wrong))];
    expect(lines.join("")).not.toContain("that-nobody-may-see");
    expect(lines.join("")).toContain("WRONGPASS");
    await locked.end();
  });

  /** Of a node that is not let in. */
  async function logOf(redis: string): Promise<string[]> {
    const node = await lab.unreadyNode({ redis });
    await eventually(
      "a line about Redis",
      () => node.log.join(""),
      (text) => text.includes("cannot be used"),
    );
    expect(await refusal(node, ROOM)).toBe("unavailable");
    return node.log;
  }
});

describe.skipIf(isMissing("redis-server"))("a node that is killed", () => {
  let lab: ClusterLab;
  let east: Node;
  let doomed: TurnpikeProcess;

  beforeEach(async () => {
    lab = await ClusterLab.start();
    east = await lab.node({ resumeSeconds: RESUME_SECONDS });
    doomed = await TurnpikeProcess.start({
      flags: [
        "--secret",
        "the secret of the tests",
        "--node-timeout-seconds",
        "1",
        "--dev",
        "--host",
        "127.0.0.1",
      ],
      env: { ...process.env, TURNPIKE_REDIS: lab.redis.url },
    });
  });
  afterEach(async () => {
    await doomed?.process.stop(0);
    await lab?.end();
  });

  const url = () => `ws://127.0.0.1:${doomed.ports.http}/signal`;
  const kill = () => process.kill(doomed.process.pid, "SIGKILL");

  test("is noticed in time: its members are gone with peer-left, and its rooms are free", async () => {
    const ann = await lab.client(east);
    await ann.join(ROOM);
    const { peer } = await (await lab.clientAt(url())).join(ROOM);
    await (await lab.clientAt(url())).join("its own");
    const bob = await lab.client(east);
    await bob.join("its own");
    const killedAtMs = performance.now();
    kill();
    await ann.next("peer-joined");
    expect(await ann.next("peer-away")).toMatchObject({ peer });
    const noticedAfterMs = performance.now() - killedAtMs;
    expect((await bob.closed).code).toBe(1012);
    expect(await ann.next("peer-left")).toMatchObject({ peer, reason: "timeout" });
    // A beat and a look of the hub, once a second, come on top.
    expect(noticedAfterMs).toBeLessThan(NODE_TIMEOUT_MS * 1.2 + 1000);
    expect(performance.now() - killedAtMs).toBeLessThan(NODE_TIMEOUT_MS * 1.2 + RESUME_SECONDS * 1000 + 2000);
    const again = await lab.client(east);
    expect(await again.join("its own")).toMatchObject({ created: true });
    expect(await east.server.rooms.members(ROOM)).toHaveLength(1);
  });

  test("leaves nothing in Redis for long", async () => {
    for (let room = 0; room < 50; room++) await (await lab.clientAt(url())).join(`room ${room}`);
    kill();
    await eventually(
      "its rooms forgotten",
      () => lab.redis.ask("DBSIZE"),
      (size) => size === ":3\r\n",
    );
    expect(await lab.redis.ask("ZCARD turnpike:nodes")).toBe(":1\r\n");
  });

  test("members who come back by another node within the time have their seats", async () => {
    const ann = await lab.client(east);
    await ann.join(ROOM);
    const before = await lab.clientAt(url());
    const { resumeToken, peer, seq } = await before.join(ROOM);
    kill();
    const again = await lab.client(east);
    again.send({ type: "join", v: 1, resumeToken, lastSeq: seq });
    expect(await again.next("joined")).toMatchObject({ peer });
    expect(await ann.next("peer-back")).toMatchObject({ peer });
    again.send({ type: "message", data: "here again" });
    expect(await ann.next("message")).toMatchObject({ from: peer, data: "here again" });
  });
});
