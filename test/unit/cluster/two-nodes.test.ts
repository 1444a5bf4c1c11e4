import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServerMessage } from "../../../src/signaling/protocol.ts";
import { MemoryCluster, type MemoryNode } from "../../support/memory-cluster.ts";
import type { Client, Received } from "../signaling/bench.ts";

const ROOM = "blue-fox";
let cluster: MemoryCluster;
let east: MemoryNode;
let west: MemoryNode;

beforeEach(() => {
  cluster = new MemoryCluster();
  east = cluster.node("east");
  west = cluster.node("west");
});

afterEach(() => {
  expect(cluster.failures).toEqual([]);
});

async function ask(client: Client, message: Record<string, unknown>): Promise<ServerMessage> {
  const ref = client.say(message);
  await cluster.quiet();
  const answers = client.link.received.filter((answer) => "ref" in answer && answer.ref === ref);
  expect(answers).toHaveLength(1);
  return answers[0] as ServerMessage;
}

async function join(client: Client, room = ROOM): Promise<Received<"joined">> {
  const answer = await ask(client, { type: "join", v: 1, room });
  expect(answer).toMatchObject({ type: "joined" });
  return answer as Received<"joined">;
}

async function resume(client: Client, resumeToken: string, lastSeq: number): Promise<ServerMessage> {
  return ask(client, { type: "join", v: 1, resumeToken, lastSeq });
}

/** One at each node; the room lives in the east. */
async function pair() {
  const [ann, bob] = [east.client(), west.client()];
  const ofAnn = await join(ann);
  const ofBob = await join(bob);
  ann.news();
  bob.news();
  return { ann, bob, ofAnn, ofBob };
}

/** Every number once, in order. */
function seqs(...clients: Client[]): number[] {
  return clients.flatMap(({ link }) => link.received.map(({ seq }) => seq));
}

describe("a room with members at two nodes", () => {
  test("is one room: one key, one relay, and each knows of the other", async () => {
    const [ann, bob] = [east.client(), west.client()];
    const ofAnn = await join(ann);
    const ofBob = await join(bob);
    expect(ofBob).toMatchObject({ created: false, peers: [{ peer: ofAnn.peer, polite: true }] });
    expect(ann.news().at(-1)).toEqual({ type: "peer-joined", peer: ofBob.peer, polite: false });
    expect(ofAnn.iceServers[0]?.urls).toEqual(ofBob.iceServers[0]?.urls);
    const key = (joined: typeof ofAnn) => joined.iceServers[0]?.username?.split(".")[2];
    expect(key(ofAnn)).toBe(key(ofBob));
    expect(east.hub.stats).toEqual({ rooms: 1, members: 2, connections: 1 });
    expect(west.hub.stats).toEqual({ rooms: 0, members: 0, connections: 1 });
  });

  test("carries offers, candidates and messages both ways, in order, and answers each", async () => {
    const { ann, bob, ofAnn, ofBob } = await pair();
    for (let index = 0; index < 20; index++) {
      bob.say({ type: "candidate", candidate: { candidate: `candidate:${index}` } });
      ann.say({ type: "message", data: index });
    }
    await cluster.quiet();
    const candidates = ann.link.received.flatMap((message) =>
      message.type === "candidate" ? [message] : [],
    );
    const messages = bob.link.received.flatMap((message) => (message.type === "message" ? [message] : []));
    expect(candidates.map(({ from, candidate }) => [from, candidate?.candidate])).toEqual(
      Array.from({ length: 20 }, (_, index) => [ofBob.peer, `candidate:${index}`]),
    );
    expect(messages.map(({ from, data }) => [from, data])).toEqual(
      Array.from({ length: 20 }, (_, index) => [ofAnn.peer, index]),
    );
    expect(bob.link.received.filter(({ type }) => type === "ok")).toHaveLength(20);
    expect(seqs(bob)).toEqual(bob.link.received.map((_, index) => index + 1));
  });

  test("takes no third, whichever node it comes to", async () => {
    await pair();
    for (const node of [east, west]) {
      const third = node.client();
      expect(await ask(third, { type: "join", v: 1, room: ROOM })).toMatchObject({ code: "room-full" });
      expect(await join(third, `another-${node.id}`)).toMatchObject({ created: true });
      expect(node.hub.members(`another-${node.id}`)).toHaveLength(1);
    }
  });

  test("is there already for a create at the other node", async () => {
    await pair();
    const third = west.client();
    expect(await ask(third, { type: "create", v: 1, room: ROOM })).toMatchObject({ code: "room-exists" });
    expect(await join(third, "another")).toMatchObject({ created: true });
  });

  test("ends with a leave at the other node, and its name is free", async () => {
    const { ann, bob } = await pair();
    expect(await ask(bob, { type: "leave" })).toMatchObject({ type: "ok" });
    expect(ann.news()).toEqual([{ type: "room-closed", reason: "left" }]);
    expect(cluster.homes.size).toBe(0);
    const next = west.client();
    expect(await join(next)).toMatchObject({ created: true });
    expect(west.hub.members(ROOM)).toHaveLength(1);
  });

  test("lets a member go from room to room on one socket, wherever they live", async () => {
    const { ann, bob } = await pair();
    bob.say({ type: "leave" });
    expect(await join(bob, "second")).toMatchObject({ created: true });
    const guest = west.client();
    expect(await join(guest, "second")).toMatchObject({ created: false });
    expect(bob.news().at(-1)).toMatchObject({ type: "peer-joined" });
    expect(await join(ann, "third")).toMatchObject({ created: true });
    expect(seqs(bob)).toEqual(bob.link.received.map((_, index) => index + 1));
  });

  test("lets go of whoever leaves it: the next room is looked up where the socket is", async () => {
    const { bob } = await pair();
    for (let round = 0; round < 10; round++) {
      const host = (round % 2 === 0 ? east : west).client();
      await ask(bob, { type: "leave" });
      await join(host, `room-${round}`);
      // Said at once, while the hand-back is on its way.
      bob.say({ type: "join", v: 1, room: `room-${round}` });
      const ref = bob.say({ type: "message", data: round });
      await cluster.quiet();
      expect(bob.link.received.at(-1)).toMatchObject({ type: "ok", ref });
      expect(host.news()).toMatchObject([{ type: "joined" }, { type: "peer-joined" }, { data: round }]);
    }
    bob.say({ type: "leave" });
    bob.say({ type: "join", v: 1, room: "last" });
    bob.say({ type: "message", data: "alone" });
    await cluster.quiet();
    expect(bob.link.received.at(-1)).toMatchObject({ type: "ok" });
    expect(seqs(bob)).toEqual(bob.link.received.map((_, index) => index + 1));
    expect(east.hub.guestCount + west.hub.guestCount).toBe(0);
    // Refs rise over all of it.
    bob.connection.receiveText(JSON.stringify({ type: "message", ref: 1, data: "again" }));
    expect(bob.link.received.at(-1)).toMatchObject({ ref: 1, code: "bad-message" });
    expect(await ask(bob, { type: "message", data: "fine" })).toMatchObject({ type: "ok" });
  });

  test("is told of a kick and of its closure through the other node", async () => {
    const { bob, ofBob } = await pair();
    expect(east.hub.kick(ROOM, ofBob.peer, "enough")).toBe(true);
    await cluster.quiet();
    expect(bob.news()).toEqual([{ type: "kicked", reason: "enough" }]);
    expect(await join(bob)).toMatchObject({ created: false });
    east.hub.closeRoom(ROOM);
    await cluster.quiet();
    expect(bob.news().at(-1)).toEqual({ type: "room-closed", reason: "closed" });
  });

  test("tells the relay of a candidate before it tells the other member, whichever node it came to", async () => {
    const told: string[] = [];
    const home = cluster.node("home", {}, { iceSignalled: (_from, to) => told.push(to) });
    const ann = home.client();
    const ofAnn = await join(ann, "watched");
    const bob = west.client();
    await join(bob, "watched");
    const send = ann.link.send.bind(ann.link);
    const toldBefore: boolean[] = [];
    ann.link.send = (text) => {
      if (text.includes('"candidate"')) toldBefore.push(told.includes(ofAnn.peer));
      send(text);
    };
    const candidate = "candidate:1 1 udp 2122260223 198.51.100.7 5000 typ host";
    expect(await ask(bob, { type: "candidate", candidate: { candidate } })).toMatchObject({ type: "ok" });
    expect(toldBefore).toEqual([true]);
  });
});

test("who may join is asked where the socket is, with its token, which goes no further", async () => {
  const asked: unknown[] = [];
  const door = cluster.node(
    "door",
    {},
    {
      authorize: ({ token }) => {
        asked.push(token);
        return { ok: token === "let me in", name: "Bob by his token" };
      },
    },
  );
  const ann = east.client();
  await join(ann);
  const bus: string[] = [];
  cluster.loses = ({ text }) => bus.push(text) < 0;
  const bob = door.client();
  const entry = { type: "join", v: 1, room: ROOM, name: "Bob" };
  expect(await ask(bob, { ...entry, token: "let me in" })).toMatchObject({ type: "joined" });
  expect(ann.news().at(-1)).toMatchObject({ type: "peer-joined", name: "Bob by his token" });
  expect(await ask(door.client(), { ...entry, token: "wrong" })).toMatchObject({ code: "unauthorized" });
  expect(asked).toEqual(["let me in", "wrong"]);
  expect(bus.join()).toContain(ROOM);
  expect(bus.join()).not.toContain("let me in");
});

describe("what a client does wrong at the other node", () => {
  test("is answered with its ref, and what is right still works", async () => {
    const { bob } = await pair();
    bob.connection.receiveText("no JSON");
    bob.connection.receiveBinary();
    await cluster.quiet();
    const errors = bob.news();
    expect(errors).toMatchObject([{ code: "bad-message" }, { code: "bad-message" }]);
    expect(await ask(bob, { type: "message", data: "x".repeat(5000) })).toMatchObject({ code: "too-large" });
    expect(await ask(bob, { type: "message", data: "fine" })).toMatchObject({ type: "ok" });
    expect(seqs(bob)).toEqual(bob.link.received.map((_, index) => index + 1));
  });

  test("over its rate is refused where its socket is", async () => {
    const slow = cluster.node("slow", { messagesPerSecond: 1, messageBurst: 3 });
    await join(east.client());
    const bob = slow.client();
    await join(bob);
    const refs = [1, 2, 3].map((data) => bob.say({ type: "message", data }));
    await cluster.quiet();
    expect(bob.link.received.find((message) => "ref" in message && message.ref === refs[2])).toMatchObject({
      code: "rate-limited",
    });
    await cluster.pass(1);
    expect(await ask(bob, { type: "message", data: 4 })).toMatchObject({ type: "ok" });
  });
});

describe("a socket that is lost", () => {
  test("leaves a seat that is taken back at any node, with all that was missed, once", async () => {
    const { ann, bob, ofBob } = await pair();
    bob.link.vanish();
    await cluster.quiet();
    expect(ann.news()).toEqual([{ type: "peer-away", peer: ofBob.peer }]);
    ann.say({ type: "message", data: "while you were away" });
    const north = cluster.node("north");
    const again = north.client();
    const answer = await resume(again, ofBob.resumeToken, bob.lastSeq);
    expect(answer).toMatchObject({ type: "joined", peer: ofBob.peer, peers: [{ polite: true }] });
    expect(again.link.received[0]).toMatchObject({ type: "message", data: "while you were away" });
    expect(ann.news()).toMatchObject([{ type: "ok" }, { type: "peer-back", peer: ofBob.peer }]);
    expect(seqs(bob, again)).toEqual(seqs(bob, again).map((_, index) => index + 1));
  });

  test("is replaced by the one that takes its seat, with 4001, though it is at another node", async () => {
    const { ann, bob, ofBob } = await pair();
    const again = east.client();
    expect(await resume(again, ofBob.resumeToken, bob.lastSeq)).toMatchObject({ type: "joined" });
    expect(bob.link.closedWith?.code).toBe(4001);
    expect(ann.news()).toEqual([{ type: "peer-back", peer: ofBob.peer }]);
    await cluster.pass(20);
    expect(east.hub.members(ROOM)).toHaveLength(2);
  });

  test("ends its seat in time, and the token of a seat that is gone is answered", async () => {
    const { ann, bob, ofBob } = await pair();
    bob.link.vanish();
    await cluster.pass(16);
    expect(ann.news().at(-1)).toEqual({ type: "peer-left", peer: ofBob.peer, reason: "timeout" });
    const again = west.client();
    expect(await resume(again, ofBob.resumeToken, bob.lastSeq)).toMatchObject({ code: "resume-failed" });
    expect(await join(again)).toMatchObject({ created: false });
  });

  test("a pong says what has arrived, so that no more than that is forgotten", async () => {
    const { ann, bob, ofBob } = await pair();
    ann.say({ type: "message", data: "first" });
    await cluster.quiet();
    const before = bob.lastSeq;
    for (let second = 0; second < 31; second++) {
      await cluster.pass(1);
      bob.connection.receivePong();
      ann.connection.receivePong();
    }
    ann.say({ type: "message", data: "second" });
    await cluster.quiet();
    expect(bob.link.pings).toBeGreaterThan(0);
    bob.link.vanish();
    await cluster.quiet();
    const again = west.client();
    // What the pong confirmed is forgotten: a client that lost it all the same cannot be helped.
    expect(await resume(again, ofBob.resumeToken, before - 1)).toMatchObject({ code: "resume-failed" });
    expect(await join(west.client())).toMatchObject({ created: false });
  });
});

test("a pong confirms what the socket had, not what is on its way to its node", async () => {
  const { ann, bob, ofBob } = await pair();
  for (let second = 0; bob.link.pings === 0; second++) {
    await cluster.pass(1);
    if (ann.link.pings > 0) ann.connection.receivePong();
    expect(second).toBeLessThan(60);
  }
  cluster.loses = ({ to }) => to === "west";
  ann.say({ type: "message", data: "on its way" });
  await cluster.quiet();
  bob.connection.receivePong();
  await cluster.quiet();
  bob.link.vanish();
  await cluster.quiet();
  cluster.loses = () => false;
  const again = cluster.node("north").client();
  expect(await resume(again, ofBob.resumeToken, bob.lastSeq)).toMatchObject({ type: "joined" });
  expect(again.link.received[0]).toMatchObject({ type: "message", data: "on its way" });
});

describe("a node that is gone", () => {
  test("takes its sockets along: their seats wait, and then they are gone", async () => {
    const { ann, ofBob } = await pair();
    cluster.kill("west");
    await cluster.quiet();
    expect(ann.news()).toEqual([{ type: "peer-away", peer: ofBob.peer }]);
    await cluster.pass(16);
    expect(ann.news().at(-1)).toEqual({ type: "peer-left", peer: ofBob.peer, reason: "timeout" });
  });

  test("takes its rooms along: their members elsewhere are closed with 1012, and find the room anew", async () => {
    const { bob, ofBob } = await pair();
    cluster.kill("east");
    await cluster.quiet();
    expect(bob.link.closedWith?.code).toBe(1012);
    const again = west.client();
    expect(await resume(again, ofBob.resumeToken, bob.lastSeq)).toMatchObject({ code: "resume-failed" });
    expect(await join(again)).toMatchObject({ created: true });
    expect(west.hub.members(ROOM)).toHaveLength(1);
  });
});

describe("while the bus is away", () => {
  test("joins are answered with unavailable, those at another node within two seconds", async () => {
    const { bob } = await pair();
    await ask(bob, { type: "leave" });
    await join(east.client());
    const late = west.client();
    cluster.loses = () => true;
    const ref = late.say({ type: "join", v: 1, room: ROOM });
    await cluster.pass(2);
    expect(late.link.received).toMatchObject([{ type: "error", ref, code: "unavailable" }]);
    cluster.loses = () => false;
    await cluster.pass(3);
    // The entry was given up, and whoever was let in by it is nobody.
    expect(east.hub.members(ROOM)).toHaveLength(1);
    expect(await join(late)).toMatchObject({ created: false });
  });

  test("what is said waits, and arrives once and in order when it is back", async () => {
    const { ann, bob } = await pair();
    cluster.isUp = false;
    for (let data = 0; data < 10; data++) bob.say({ type: "message", data });
    await cluster.pass(30);
    expect(bob.news()).toEqual([]);
    expect(bob.link.closedWith).toBeUndefined();
    cluster.isUp = true;
    for (const { switchboard } of cluster.nodes.values()) switchboard.resend();
    await cluster.quiet();
    const data = ann.link.received.flatMap((message) => (message.type === "message" ? [message.data] : []));
    expect(data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(bob.news()).toHaveLength(10);
  });

  test("where more waits for a node than may, both begin anew: nothing is half alive", async () => {
    cluster.channelLimits.maxWaitingBytes = 20_000;
    const { ann, bob } = await pair();
    cluster.isUp = false;
    for (let data = 0; data < 10; data++) bob.say({ type: "message", data: "x".repeat(3000) });
    cluster.isUp = true;
    await cluster.pass(5);
    expect(cluster.ended).toEqual(["west east overflow", "east west reset"]);
    expect(bob.link.closedWith?.code).toBe(1012);
    expect(ann.news()).toMatchObject([{ type: "peer-away" }]);
    expect(east.hub.guestCount).toBe(0);
    await cluster.pass(15);
    expect(await join(west.client())).toMatchObject({ created: false });
  });

  test("a client that says more than may wait is closed, with 1013", async () => {
    await join(east.client());
    const bob = cluster.node("patient", { heartbeatSeconds: 3600 }).client();
    await join(bob);
    cluster.isUp = false;
    for (let index = 0; index < 400; index++) {
      await cluster.pass(1);
      bob.say({ type: "message", data: "x".repeat(3900) });
    }
    expect(bob.link.closedWith?.code).toBe(1013);
  });
});
