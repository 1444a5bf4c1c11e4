import { describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";

describe("join", () => {
  test("answers with everything that a client needs for a call", () => {
    const bench = new Bench();
    const answer = bench.client().join("blue-fox", { name: "Alice" });
    expect(answer).toEqual({
      type: "joined",
      ref: 1,
      seq: 1,
      room: "blue-fox",
      peer: expect.stringMatching(/^[\w-]{16}$/),
      created: true,
      peers: [],
      iceServers: [
        {
          urls: ["turn:call.example:3478"],
          username: expect.stringMatching(/^r\.[\w-]{16}\.[\w-]{16}$/),
          credential: "c",
        },
      ],
      expiresAt: 1_800_001_000,
      resumeToken: expect.stringMatching(/^[\w-]{32}$/),
      limits: { maxMessageBytes: 4096, messagesPerSecond: 50, roomSize: 2, heartbeatSeconds: 30 },
    });
  });

  test("the second member hears of the first, and the first of the second", () => {
    const bench = new Bench();
    const [alice, bob] = [bench.client(), bench.client()];
    const first = alice.join("blue-fox", { name: "Alice" });
    alice.news();
    const second = bob.join("blue-fox", { name: "Bob" });
    expect(second.created).toBe(false);
    expect(second.peers).toEqual([{ peer: first.peer, name: "Alice", polite: true }]);
    expect(alice.news()).toEqual([{ type: "peer-joined", peer: second.peer, name: "Bob", polite: false }]);
  });

  test("who came later is polite, in a room of four towards each", () => {
    const bench = new Bench({ roomSize: 4, clearOnLeave: false });
    const clients = [bench.client(), bench.client(), bench.client(), bench.client()];
    const answers = clients.map((client) => client.join());
    expect(answers.map(({ peers }) => peers.map(({ polite }) => polite))).toEqual([
      [],
      [true],
      [true, true],
      [true, true, true],
    ]);
    const heard = clients.map((client) =>
      client
        .news()
        .filter((message) => message.type === "peer-joined")
        .map((message) => message.polite),
    );
    expect(heard).toEqual([[false, false, false], [false, false], [false], []]);
  });

  test("a member who came again after another is the polite one now", () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const { alice, bobId } = bench.pair();
    alice.ask({ type: "leave" });
    expect(alice.join().peers).toEqual([{ peer: bobId, polite: true }]);
  });

  test("peer ids, room keys and resume tokens are new each time", () => {
    const bench = new Bench();
    const client = bench.client();
    const answers = Array.from({ length: 20 }, () => {
      const answer = client.join();
      client.ask({ type: "leave" });
      return answer;
    });
    expect(new Set(answers.map(({ peer }) => peer)).size).toBe(20);
    expect(new Set(answers.map(({ resumeToken }) => resumeToken)).size).toBe(20);
    const keys = bench.told("roomCreated").map((room) => (room as { roomKey: string }).roomKey);
    expect(new Set(keys).size).toBe(20);
  });

  test("a third finds a room of two full, and another room works", () => {
    const bench = new Bench();
    bench.pair();
    const carol = bench.client();
    expect(carol.ask({ type: "join", v: 1, room: "blue-fox" })).toMatchObject({
      type: "error",
      code: "room-full",
    });
    expect(carol.join("red-fox").created).toBe(true);
  });

  test("a room is as large as roomSize says", () => {
    const bench = new Bench({ roomSize: 5, clearOnLeave: false });
    for (let member = 0; member < 5; member++) bench.client().join();
    expect(bench.client().ask({ type: "join", v: 1, room: "blue-fox" })).toMatchObject({ code: "room-full" });
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 5, connections: 6 });
  });

  test("a second join on one connection is already-joined, and the seat is unharmed", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    for (const type of ["join", "create"]) {
      expect(alice.ask({ type, v: 1, room: "red-fox" })).toMatchObject({ code: "already-joined" });
    }
    expect(alice.resume("anything", 0)).toMatchObject({ code: "already-joined" });
    alice.ask({ type: "message", data: 1 });
    expect(bob.news()).toMatchObject([{ type: "message", data: 1 }]);
    expect(bench.hub.stats.rooms).toBe(1);
  });

  test("room names that are keys of every object are rooms like others", () => {
    const bench = new Bench();
    for (const room of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect(bench.client().join(room)).toMatchObject({ room, created: true });
      expect(bench.client().join(room)).toMatchObject({ room, created: false });
    }
  });

  test("the same name in two rooms is two rooms: nobody hears the other", () => {
    const bench = new Bench();
    const fox = bench.pair("fox");
    const owl = bench.pair("owl");
    fox.alice.ask({ type: "message", data: "for foxes" });
    expect(fox.bob.news()).toHaveLength(1);
    expect(owl.bob.news()).toEqual([]);
    expect(fox.alice.ask({ type: "message", to: owl.bobId, data: 1 })).toMatchObject({
      code: "peer-not-found",
    });
  });
});

describe("create", () => {
  test("makes a room that others join", () => {
    const bench = new Bench({ createOnJoin: false });
    expect(bench.client().ask({ type: "create", v: 1, room: "fox" })).toMatchObject({
      type: "joined",
      created: true,
    });
    expect(bench.client().join("fox").created).toBe(false);
  });

  test("fails for a room that is there, and works for another", () => {
    const bench = new Bench();
    bench.client().join("fox");
    const bob = bench.client();
    expect(bob.ask({ type: "create", v: 1, room: "fox" })).toMatchObject({ code: "room-exists" });
    expect(bob.ask({ type: "create", v: 1, room: "owl" })).toMatchObject({ type: "joined", created: true });
  });

  test("with createOnJoin off, join does not make a room", () => {
    const bench = new Bench({ createOnJoin: false });
    const client = bench.client();
    expect(client.ask({ type: "join", v: 1, room: "fox" })).toMatchObject({ code: "room-not-found" });
    expect(bench.hub.stats.rooms).toBe(0);
    expect(client.ask({ type: "create", v: 1, room: "fox" })).toMatchObject({ type: "joined" });
  });
});

describe("a port that throws", () => {
  test("costs one answer `unavailable` and leaves nothing half-made", () => {
    let broken = true;
    const bench = new Bench(
      {},
      {
        issueIceServers: () => {
          if (broken) throw new Error("no secret");
          return { iceServers: [], expiresAt: 1 };
        },
      },
    );
    const client = bench.client();
    const answer = client.ask({ type: "join", v: 1, room: "fox" });
    expect(answer).toMatchObject({ type: "error", code: "unavailable" });
    expect(JSON.stringify(answer)).not.toContain("no secret");
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 1 });
    expect(bench.told("failed")).toEqual([new Error("no secret")]);
    broken = false;
    expect(client.join("fox").created).toBe(true);
  });

  test("observers that throw are told to `failed`, which may throw too, and the call goes on", () => {
    const thrown: unknown[] = [];
    const explode = () => {
      throw new Error("observer");
    };
    const bench = new Bench(
      {},
      {
        events: {
          roomCreated: explode,
          memberJoined: explode,
          messageForwarded: explode,
          memberLeft: explode,
          roomDestroyed: explode,
          failed: (error) => {
            thrown.push(error);
            throw error;
          },
        },
      },
    );
    const { alice, bob } = bench.pair();
    alice.ask({ type: "message", data: 1 });
    expect(bob.news()).toMatchObject([{ type: "message", data: 1 }]);
    alice.ask({ type: "leave" });
    expect(bench.hub.stats.rooms).toBe(0);
    expect(thrown).toHaveLength(7);
  });

  test("observers keep their `this`", () => {
    const observer = {
      joins: 0,
      memberJoined() {
        this.joins++;
      },
    };
    const bench = new Bench({}, { events: observer });
    bench.pair();
    expect(observer.joins).toBe(2);
  });
});
