/** Several nodes over Redis: what is promised in docs/cluster.md, with servers, sockets and a Redis as they are. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServerMessage } from "../../src/signaling/protocol.ts";
import type { SignalingClient } from "../support/signaling-client.ts";
import { ClusterLab, type Node } from "./support/cluster-lab.ts";
import { isMissing } from "./support/requirements.ts";

const RACES = 1000;

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
