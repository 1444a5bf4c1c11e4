/**
 * Random lives of several rooms, held against a model that knows nothing of the hub's code: who sits where, who is away
 * since when, which token is good, and what every seat must have heard. Users read late, and lose the last frames when
 * their network goes, so what they know is only what arrived.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { HubOptions } from "../../src/signaling/hub.ts";
import type { ServerMessage } from "../../src/signaling/protocol.ts";
import { Bench, type Client, type Received } from "../unit/signaling/bench.ts";

const ROOMS = ["fox", "owl", "__proto__"] as const;
const USERS = 6;
const RESUME_SECONDS = 15;

/** What one person's program knows, from the frames that arrived. */
class User {
  client: Client | undefined;
  /** Survives sockets, as an SDK's counter does. */
  nextRef = 1;
  seat: { room: string; token: string; lastSeq: number } | undefined;
  view = new Map<string, boolean>();
  heard: unknown[] = [];
  readonly answered = new Map<number, string>();
  #read = 0;
  #lastSeq = 0;
  #isResuming = false;
  /** Of this socket. */
  #firstRef = 1;

  /** A new socket, for a new seat or to take the old one back. */
  connect(client: Client, purpose: "anew" | "resume"): void {
    if (purpose === "anew") this.stand();
    else this.#isResuming = true;
    client.nextRef = this.nextRef;
    this.#firstRef = this.nextRef;
    this.client = client;
    this.#read = 0;
    this.#lastSeq = 0;
  }

  /** Says something; returns the answer that is on its way, which must be exactly one. */
  ask(message: Record<string, unknown>): ServerMessage {
    const client = this.client as Client;
    const answer = client.ask(message);
    this.nextRef = client.nextRef;
    return answer;
  }

  /** Reads all frames but the last `unread`. */
  read(unread = 0): void {
    const frames = this.client?.link.received ?? [];
    for (const message of frames.slice(this.#read, Math.max(this.#read, frames.length - unread))) {
      this.#read++;
      this.#take(message);
    }
  }

  #take(message: ServerMessage): void {
    // A socket that resumes goes on behind what its seat has read; every other begins at 1.
    if (this.#read === 1 && message.seq !== 1) this.#lastSeq = this.seat?.lastSeq ?? 0;
    expect(message.seq).toBe(this.#lastSeq + 1);
    this.#lastSeq = message.seq;
    if (this.seat !== undefined) this.seat.lastSeq = message.seq;
    if (message.type !== "notice" && "ref" in message && message.ref !== undefined) {
      expect(this.answered.has(message.ref)).toBe(false);
      this.answered.set(message.ref, message.type);
    }
    switch (message.type) {
      case "joined":
        // The answer to an earlier resume that did not arrive comes again with all else that was missed.
        return message.ref < this.#firstRef ? undefined : this.#sit(message);
      case "peer-joined":
        expect(this.view.has(message.peer)).toBe(false);
        this.view.set(message.peer, message.polite);
        return;
      case "peer-left":
        expect(this.view.delete(message.peer)).toBe(true);
        return;
      case "room-closed":
      case "kicked":
        return this.stand();
      case "message":
        this.heard.push(message.data);
    }
  }

  #sit({ room, seq, resumeToken, peers }: Received<"joined">): void {
    const view = new Map(peers.map(({ peer, polite }) => [peer, polite]));
    // After a resume the snapshot says what the replayed messages have already told.
    if (this.#isResuming) expect([...view].sort()).toEqual([...this.view].sort());
    else this.heard = [];
    this.#isResuming = false;
    this.seat = { room, token: resumeToken, lastSeq: seq };
    this.view = view;
  }

  stand(): void {
    this.#isResuming = false;
    this.seat = undefined;
    this.view = new Map();
  }
}

interface ModelSeat {
  readonly peer: string;
  token: string;
  /** The token before it, good for whoever has not got the newest: readers of a `joined` do not use it any more. */
  previousToken: string | undefined;
  /** Undefined: the user's program does not know that it sits here, for the answer was lost. */
  client: Client | undefined;
  awaySinceMs: number | undefined;
  readonly mustHear: unknown[];
}

type World = ReturnType<typeof createWorld>;

function createWorld(options: Partial<HubOptions>) {
  const limits = { messageBurst: 1e6, joinTimeoutSeconds: 1e6, maxReplayMessages: 1e6, maxReplayBytes: 1e9 };
  const roomSize = options.roomSize ?? 2;
  const clearOnLeave = options.clearOnLeave ?? true;
  return {
    bench: new Bench({ ...limits, ...options, resumeSeconds: RESUME_SECONDS }),
    roomSize,
    clearOnLeave,
    users: Array.from({ length: USERS }, () => new User()),
    rooms: new Map<string, ModelSeat[]>(),
    said: 0,
  };
}

function seatOf(world: World, client: Client | undefined): { room: string; seat: ModelSeat } | undefined {
  if (client === undefined) return undefined;
  for (const [room, seats] of world.rooms) {
    const seat = seats.find((candidate) => candidate.client === client);
    if (seat !== undefined) return { room, seat };
  }
  return undefined;
}

function remove(world: World, room: string, seat: ModelSeat): void {
  const left = (world.rooms.get(room) ?? []).filter((other) => other !== seat);
  if (left.length > 0) world.rooms.set(room, left);
  else world.rooms.delete(room);
}

function online(world: World, user: User): Client {
  if (user.client === undefined || user.client.link.gone) user.connect(world.bench.client(), "anew");
  return user.client as Client;
}

type Step = (world: World, user: User, choice: number) => void;

function enter(type: "join" | "create"): Step {
  return (world, user, choice) => {
    const room = ROOMS[choice % ROOMS.length] as string;
    const client = online(world, user);
    const seats = world.rooms.get(room) ?? [];
    const wasSeated = seatOf(world, client) !== undefined;
    const answer = user.ask({ type, v: 1, room });
    if (wasSeated) return expect(answer).toMatchObject({ code: "already-joined" });
    if (type === "create" && seats.length > 0) return expect(answer).toMatchObject({ code: "room-exists" });
    if (seats.length >= world.roomSize) return expect(answer).toMatchObject({ code: "room-full" });
    const { peer, peers, resumeToken, created } = answer as Received<"joined">;
    expect(created).toBe(seats.length === 0);
    expect(peers.map((other) => other.peer)).toEqual(seats.map((other) => other.peer));
    expect(peers.every(({ polite }) => polite)).toBe(true);
    const seat: ModelSeat = {
      peer,
      token: resumeToken,
      previousToken: undefined,
      client,
      awaySinceMs: undefined,
      mustHear: [],
    };
    world.rooms.set(room, [...seats, seat]);
  };
}

const steps: Record<string, Step> = {
  join: enter("join"),
  create: enter("create"),

  leave(world, user) {
    const place = seatOf(world, online(world, user));
    const answer = user.ask({ type: "leave" });
    if (place === undefined) return expect(answer).toMatchObject({ code: "not-joined" });
    expect(answer.type).toBe("ok");
    if (world.clearOnLeave) world.rooms.delete(place.room);
    else remove(world, place.room, place.seat);
    // What was on its way to the member came before the answer.
    user.read();
    user.stand();
  },

  say(world, user, choice) {
    const place = seatOf(world, online(world, user));
    const data = ++world.said;
    const others = (world.rooms.get(place?.room ?? "") ?? []).filter((other) => other !== place?.seat);
    const one = choice % 2 === 0 ? undefined : others[choice % (others.length + 1)];
    const answer = user.ask({ type: "message", data, ...(one === undefined ? {} : { to: one.peer }) });
    if (place === undefined) return expect(answer).toMatchObject({ code: "not-joined" });
    expect(answer.type).toBe("ok");
    for (const seat of one === undefined ? others : [one]) seat.mustHear.push(data);
  },

  drop(world, user, choice) {
    if (user.client === undefined || user.client.link.gone) return;
    const place = seatOf(world, user.client);
    user.read(choice % 4);
    user.client.link.vanish();
    if (place !== undefined) place.seat.awaySinceMs = world.bench.nowMs;
  },

  /** Also while the old socket is still there, as a duplicated tab does. */
  resume(world, user, choice) {
    user.read(choice % 3);
    if (user.seat === undefined) return;
    const { token, lastSeq } = user.seat;
    const old = user.client;
    user.connect(world.bench.client(), "resume");
    const answer = user.ask({ type: "join", v: 1, resumeToken: token, lastSeq });
    const seats = [...world.rooms.values()].flat();
    const seat = seats.find((candidate) => candidate.token === token || candidate.previousToken === token);
    if (seat === undefined) {
      expect(answer).toMatchObject({ code: "resume-failed" });
      // The program gives up its old socket; a seat may hang on it whose token it never got.
      const place = seatOf(world, old);
      if (place !== undefined && old?.link.gone === false) place.seat.awaySinceMs = world.bench.nowMs;
      old?.link.vanish();
      return user.stand();
    }
    expect(answer).toMatchObject({ type: "joined", created: false, peer: seat.peer });
    if (old?.link.gone === false) throw new Error("the old socket still stands");
    seat.previousToken = token;
    seat.token = (answer as Received<"joined">).resumeToken;
    seat.client = user.client;
    seat.awaySinceMs = undefined;
  },

  read(_world, user) {
    user.read();
  },

  pass(world, _user, choice) {
    const alive = world.users.flatMap(({ client }) =>
      client === undefined || client.link.gone ? [] : [client],
    );
    world.bench.pass(1 + (choice % 20), ...alive);
    // Whoever answers a ping has what came before it.
    for (const user of world.users) user.read();
    for (const [room, seats] of world.rooms) {
      for (const seat of seats) {
        const { awaySinceMs } = seat;
        if (awaySinceMs === undefined) continue;
        if (world.bench.nowMs - awaySinceMs >= RESUME_SECONDS * 1000) remove(world, room, seat);
      }
    }
  },

  kick(world, _user, choice) {
    const room = ROOMS[choice % ROOMS.length] as string;
    const seat = world.rooms.get(room)?.[0];
    expect(world.bench.hub.kick(room, seat?.peer ?? "nobody", "")).toBe(seat !== undefined);
    if (seat !== undefined) remove(world, room, seat);
  },

  close(world, _user, choice) {
    const room = ROOMS[choice % ROOMS.length] as string;
    expect(world.bench.hub.closeRoom(room)).toBe(world.rooms.delete(room));
  },
};

function checkCounts({ bench, rooms, roomSize }: World): void {
  const members = [...rooms.values()].map(({ length }) => length);
  expect(bench.hub.stats.rooms).toBe(rooms.size);
  expect(bench.hub.stats.members).toBe(members.reduce((sum, count) => sum + count, 0));
  expect(Math.max(0, ...members)).toBeLessThanOrEqual(roomSize);
}

/** Everybody has read everything: what they know must be what is. */
function checkKnowledge(world: World): void {
  for (const user of world.users) user.read();
  const politeness = new Map<string, boolean>();
  for (const user of world.users) {
    const place = seatOf(world, user.client);
    if (place === undefined || place.seat.awaySinceMs !== undefined) continue;
    const others = (world.rooms.get(place.room) ?? []).filter((other) => other !== place.seat);
    expect([...user.view.keys()].sort()).toEqual(others.map(({ peer }) => peer).sort());
    expect(user.heard).toEqual(place.seat.mustHear);
    for (const [peer, polite] of user.view) politeness.set(`${place.seat.peer} ${peer}`, polite);
  }
  for (const [pair, polite] of politeness) {
    const mirrored = politeness.get(pair.split(" ").reverse().join(" "));
    if (mirrored !== undefined) expect(polite).not.toBe(mirrored);
  }
}

/** Every seat that was taken ended once, every room that began ended when it was empty. */
function checkEvents({ bench, rooms }: World): void {
  const joined = bench.told("memberJoined") as { peer: string }[];
  const left = bench.told("memberLeft") as { peer: string }[];
  expect(new Set(left.map(({ peer }) => peer)).size).toBe(left.length);
  expect(joined.length - left.length).toBe(bench.hub.stats.members);
  expect(bench.told("roomCreated").length - bench.told("roomDestroyed").length).toBe(rooms.size);
  expect(bench.told("failed")).toEqual([]);
}

const weights: [keyof typeof steps, number][] = [
  ["join", 8],
  ["create", 2],
  ["leave", 3],
  ["say", 8],
  ["drop", 4],
  ["resume", 5],
  ["read", 2],
  ["pass", 2],
  ["kick", 1],
  ["close", 1],
];
const stepName = fc.oneof(...weights.map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) })));
const life = fc.array(fc.tuple(stepName, fc.nat(USERS - 1), fc.nat(1000)), { maxLength: 60, size: "max" });

test.each([
  ["rooms of two", { roomSize: 2, clearOnLeave: true }],
  ["rooms of two that outlive a leave", { roomSize: 2, clearOnLeave: false }],
  ["rooms of four", { roomSize: 4, clearOnLeave: false }],
])("%s: whatever happens in whatever order, the hub and its members know what is true", (_name, options) => {
  fc.assert(
    fc.property(life, (happenings) => {
      const world = createWorld(options);
      for (const [name, who, choice] of happenings) {
        steps[name]?.(world, world.users[who] as User, choice);
        checkCounts(world);
      }
      checkKnowledge(world);
      checkEvents(world);
    }),
    { numRuns: 200 },
  );
});
