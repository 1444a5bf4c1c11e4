/** Several nodes over Redis: what is promised in docs/cluster.md, with servers, sockets and a Redis as they are. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ServerMessage } from "../../src/signaling/protocol.ts";
import type { SignalingClient } from "../support/signaling-client.ts";
import { ClusterLab, type Node } from "./support/cluster-lab.ts";
import { eventually } from "./support/eventually.ts";
import { isMissing } from "./support/requirements.ts";

const RACES = 1000;
const CREATIONS = 200;

describe.skipIf(isMissing("redis-server"))("two nodes and a Redis", () => {
  let lab: ClusterLab;
  let east: Node;
  let west: Node;
  let rooms = 0;
  const newRoom = () => `room ${rooms++}`;

  beforeAll(async () => {
    lab = await ClusterLab.start();
    [east, west] = [await lab.node(), await lab.node()];
  });
  afterAll(() => lab?.end());

  async function pair() {
    const room = newRoom();
    const [ann, bob] = [await lab.client(east), await lab.client(west)];
    const ofAnn = await ann.join(room);
    const ofBob = await bob.join(room);
    return { room, ann, bob, ofAnn, ofBob };
  }

  test("a call between them: one room, one relay, messages both ways", async () => {
    const { ann, bob, ofAnn, ofBob } = await pair();
    expect(ofBob.peers).toMatchObject([{ peer: ofAnn.peer, polite: true }]);
    expect(ofBob.iceServers.map(({ urls }) => urls)).toEqual(ofAnn.iceServers.map(({ urls }) => urls));
    bob.send({ type: "message", data: "hello" });
    expect(await ann.next("message")).toMatchObject({ from: ofBob.peer, data: "hello" });
    ann.send({ type: "offer", description: { type: "offer", sdp: "v=0" } });
    expect(await bob.next("offer")).toMatchObject({ from: ofAnn.peer });
    bob.send({ type: "leave" });
    await bob.next("ok");
    expect(await ann.next("room-closed")).toMatchObject({ reason: "left" });
  });

  test(`a room for two takes two, in ${RACES} races of four from two nodes`, async () => {
    const racers = [
      await lab.client(east),
      await lab.client(west),
      await lab.client(east),
      await lab.client(west),
    ];
    for (let race = 0; race < RACES; race++) {
      const answers = await Promise.all(racers.map((racer) => answerTo(racer, "join", `race ${race}`)));
      const outcomes = answers.map(({ type, code }) => code ?? type).sort();
      expect(outcomes).toEqual(["joined", "joined", "room-full", "room-full"]);
      const first = answers.findIndex(({ type }) => type === "joined");
      await answerTo(racers[first] as SignalingClient, "leave");
    }
  }, 120_000);

  test(`a room is made once, in ${CREATIONS} races of creates from two nodes`, async () => {
    const racers = [await lab.client(east), await lab.client(west)];
    for (let race = 0; race < CREATIONS; race++) {
      const answers = await Promise.all(racers.map((racer) => answerTo(racer, "create", `made ${race}`)));
      expect(answers.map(({ type, code }) => code ?? type).sort()).toEqual(["joined", "room-exists"]);
      const first = answers.findIndex(({ type }) => type === "joined");
      await answerTo(racers[first] as SignalingClient, "leave");
    }
  });

  test("an operator asks either node", async () => {
    const { room, ofAnn, ofBob, bob } = await pair();
    for (const { server } of [east, west]) {
      expect(await server.rooms.members(room)).toEqual([
        { peer: ofAnn.peer, here: true },
        { peer: ofBob.peer, here: true },
      ]);
    }
    expect(await west.server.rooms.kick(room, ofBob.peer, "enough")).toBe(true);
    expect(await bob.next("kicked")).toMatchObject({ reason: "enough" });
    expect(await west.server.rooms.closeRoom(room)).toBe(true);
    expect(await east.server.rooms.members(room)).toBeUndefined();
  });
});

describe.skipIf(isMissing("redis-server"))("a node that goes", () => {
  let lab: ClusterLab;
  let east: Node;
  let west: Node;
  const urlOf = (name: string) => `wss://${name}.example/signal`;

  beforeEach(async () => {
    lab = await ClusterLab.start();
    east = await lab.node({ nodeUrl: urlOf("east") });
    west = await lab.node({ nodeUrl: urlOf("west") });
    await bothAreKnown();
  });
  afterEach(() => lab?.end());

  /** What a node says of itself reaches the others with their next beats. */
  async function bothAreKnown(): Promise<void> {
    for (const { server } of [east, west]) {
      const admin = server.addresses?.admin[0]?.port;
      await eventually(
        "two nodes",
        async () => (await fetch(`http://127.0.0.1:${admin}/metrics`)).text(),
        (page) => page.includes("turnpike_cluster_nodes 2"),
      );
    }
  }

  test("drains: clients are sent to the other, and whoever comes by that one is let into the calls that run", async () => {
    const [ann, bob] = [await lab.client(east), await lab.client(west)];
    await ann.join("blue-fox");
    const drained = east.server.drain();
    expect(await ann.next("go-away")).toMatchObject({ url: urlOf("west") });
    expect(await east.isReady()).toBe(false);
    const late = await lab.client(east);
    expect(await answerTo(late, "join", "another")).toMatchObject({ code: "draining", url: urlOf("west") });
    expect(await answerTo(bob, "join", "blue-fox")).toMatchObject({ type: "joined", created: false });
    bob.send({ type: "message", data: "in time" });
    expect(await ann.next("message")).toMatchObject({ data: "in time" });
    bob.send({ type: "leave" });
    await drained;
    await ann.closed;
    const after = await lab.client(west);
    expect(await after.join("blue-fox")).toMatchObject({ created: true });
  });

  test("drains under a client whose room is elsewhere: it goes there with its seat", async () => {
    const [ann, bob] = [await lab.client(east), await lab.client(west)];
    await ann.join("blue-fox");
    const { resumeToken, peer } = await bob.join("blue-fox");
    const drained = west.server.drain();
    const { url, seq } = await bob.next("go-away");
    expect(url).toBe(urlOf("east"));
    const again = await lab.client(east);
    again.send({ type: "join", v: 1, resumeToken, lastSeq: seq });
    expect(await again.next("joined")).toMatchObject({ peer });
    expect((await bob.closed).code).toBe(4001);
    await drained;
    again.send({ type: "message", data: "moved" });
    expect(await ann.next("message")).toMatchObject({ from: peer, data: "moved" });
  });

  test("ends: members elsewhere hear that the room is closed, and may make it anew", async () => {
    const [ann, bob] = [await lab.client(east), await lab.client(west)];
    await ann.join("blue-fox");
    await bob.join("blue-fox");
    await east.server.close();
    expect(await bob.next("room-closed")).toMatchObject({ reason: "shutdown" });
    // Its own node is well, and so is its socket.
    expect(await bob.join("blue-fox")).toMatchObject({ created: true });
  });
});

/** Without polling: the next answer that has this ref. */
function answerTo(
  client: SignalingClient,
  type: string,
  room?: string,
): Promise<ServerMessage & { code?: string }> {
  const ref = client.send(room === undefined ? { type } : { type, v: 1, room });
  return new Promise((resolve) => {
    function look(data: unknown): void {
      const message = JSON.parse(String(data)) as ServerMessage;
      if (!("ref" in message) || message.ref !== ref) return;
      client.webSocket.off("message", look);
      resolve(message);
    }
    client.webSocket.on("message", look);
  });
}
