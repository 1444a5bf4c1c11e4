import { describe, expect, test } from "vitest";
import { Bench, type Received } from "./bench.ts";

describe("leave in a room of two", () => {
  test("clears everyone out, destroys the room, and tells the observers", () => {
    const bench = new Bench();
    const { alice, bob, aliceId, bobId } = bench.pair();
    bench.nowMs += 90_000;
    expect(alice.ask({ type: "leave" })).toMatchObject({ type: "ok" });
    expect(bob.news()).toEqual([{ type: "room-closed", reason: "left" }]);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 2 });
    expect(bench.told("memberLeft")).toMatchObject([
      { peer: aliceId, reason: "left" },
      { peer: bobId, reason: "left" },
    ]);
    expect(bench.told("roomDestroyed")).toMatchObject([{ seconds: 90, members: 2 }]);
    expect(bench.events.at(-1)?.[0]).toBe("roomDestroyed");
  });

  test("takes the seat of a member who is away too", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    bob.link.vanish();
    alice.ask({ type: "leave" });
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 1 });
  });

  test("both may join again on the same connection, and seq goes on without a gap", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    alice.ask({ type: "leave" });
    expect(bob.join().created).toBe(true);
    expect(alice.join().created).toBe(false);
    for (const { link } of [alice, bob]) {
      expect(link.received.map(({ seq }) => seq)).toEqual(link.received.map((_, index) => index + 1));
    }
  });

  test("with clearOnLeave off only the one who leaves goes", () => {
    const bench = new Bench({ clearOnLeave: false });
    const { alice, bob, aliceId } = bench.pair();
    alice.ask({ type: "leave" });
    expect(bob.news()).toEqual([{ type: "peer-left", peer: aliceId, reason: "left" }]);
    expect(bench.hub.stats).toMatchObject({ rooms: 1, members: 1 });
    expect(bob.ask({ type: "leave" })).toMatchObject({ type: "ok" });
    expect(bench.hub.stats).toMatchObject({ rooms: 0, members: 0 });
  });
});

describe("leave in a larger room", () => {
  test("takes out only the one who leaves, and the last one ends the room", () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const clients = [bench.client(), bench.client(), bench.client()] as const;
    const [first, second] = clients.map((client) => client.join().peer);
    for (const client of clients) client.news();
    clients[0].ask({ type: "leave" });
    clients[1].ask({ type: "leave" });
    expect(clients[2].news()).toEqual([
      { type: "peer-left", peer: first, reason: "left" },
      { type: "peer-left", peer: second, reason: "left" },
    ]);
    expect(bench.hub.stats.rooms).toBe(1);
    clients[2].ask({ type: "leave" });
    expect(bench.hub.stats.rooms).toBe(0);
    expect(bench.told("roomDestroyed")).toMatchObject([{ members: 3 }]);
  });

  test("with clearOnLeave on clears everyone out there too", () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: true });
    const clients = [bench.client(), bench.client(), bench.client()] as const;
    for (const client of clients) client.join();
    clients[1].ask({ type: "leave" });
    expect(clients[0].news().at(-1)).toEqual({ type: "room-closed", reason: "left" });
    expect(clients[2].news().at(-1)).toEqual({ type: "room-closed", reason: "left" });
    expect(bench.hub.stats.members).toBe(0);
  });
});

describe("a dropped connection is no leave", () => {
  test("the other hears peer-away at once and peer-left when resumeSeconds are over, and stays in the room", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    alice.link.vanish();
    expect(bob.news()).toEqual([{ type: "peer-away", peer: aliceId }]);
    bench.pass(14, bob);
    expect(bob.news()).toEqual([]);
    expect(bench.hub.stats.members).toBe(2);
    bench.pass(1, bob);
    expect(bob.news()).toEqual([{ type: "peer-left", peer: aliceId, reason: "timeout" }]);
    expect(bench.hub.stats).toMatchObject({ rooms: 1, members: 1 });
    expect(bench.client().join().created).toBe(false);
  });

  test("a room whose members are all gone ends when the last seat's time is up", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    alice.link.vanish();
    bench.pass(10, bob);
    bob.link.vanish();
    bench.pass(14);
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 1, connections: 0 });
    bench.pass(1);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
    expect(bench.told("memberLeft")).toMatchObject([{ reason: "timeout" }, { reason: "timeout" }]);
    expect(bench.told("roomDestroyed")).toHaveLength(1);
  });

  test("a seat that waits counts: the room is full", () => {
    const bench = new Bench();
    const { alice } = bench.pair();
    alice.link.vanish();
    expect(bench.client().ask({ type: "join", v: 1, room: "blue-fox" })).toMatchObject({ code: "room-full" });
  });

  test("who joins meanwhile hears that the other is away", () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const { alice, aliceId, bobId } = bench.pair();
    alice.link.vanish();
    const carol = bench.client();
    expect(carol.join().peers.map(({ peer }) => peer)).toEqual([aliceId, bobId]);
    expect(carol.news().slice(1)).toEqual([{ type: "peer-away", peer: aliceId }]);
  });

  test("packets that are still relayed keep the seat, resumeSeconds after the last of them", () => {
    let relayedAt: number | undefined;
    const asked: string[] = [];
    const bench = new Bench(
      {},
      {
        lastRelayedAt: ({ peer, roomKey }) => {
          asked.push(`${peer}.${roomKey}`);
          return relayedAt;
        },
      },
    );
    const { alice, bob, aliceId } = bench.pair();
    alice.link.vanish();
    const [{ roomKey }] = bench.told("roomCreated") as [{ roomKey: string }];
    for (let second = 0; second < 100; second++) {
      relayedAt = bench.nowMs;
      bench.pass(1, bob);
    }
    expect(new Set(asked)).toEqual(new Set([`${aliceId}.${roomKey}`]));
    expect(bench.hub.stats.members).toBe(2);
    bench.pass(13, bob);
    expect(bench.hub.stats.members).toBe(2);
    bench.pass(1, bob);
    expect(bench.hub.stats.members).toBe(1);
  });

  test("ten minutes of relayed packets are the end of waiting", () => {
    const bench = new Bench({}, { lastRelayedAt: () => bench.nowMs });
    const { alice, bob } = bench.pair();
    alice.link.vanish();
    bench.pass(599, bob);
    expect(bench.hub.stats.members).toBe(2);
    bench.pass(1, bob);
    expect(bench.hub.stats.members).toBe(1);
  });

  test("packets relayed before the loss do not shorten the wait", () => {
    const bench = new Bench({}, { lastRelayedAt: () => 0 });
    const { alice, bob } = bench.pair();
    alice.link.vanish();
    bench.pass(14, bob);
    expect(bench.hub.stats.members).toBe(2);
  });

  test("a lastRelayedAt that throws is reported, and the seat ends as without it", () => {
    const bench = new Bench(
      {},
      {
        lastRelayedAt: () => {
          throw new Error("relay");
        },
      },
    );
    const { alice, bob } = bench.pair();
    alice.link.vanish();
    bench.pass(15, bob);
    expect(bench.hub.stats.members).toBe(1);
    expect(bench.told("failed").length).toBeGreaterThan(0);
  });
});

describe("from outside", () => {
  test("a kicked member is told why, the others that it was kicked, and its connection may join again", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    expect(bench.hub.kick("blue-fox", aliceId, "bad manners")).toBe(true);
    expect(alice.news()).toEqual([{ type: "kicked", reason: "bad manners" }]);
    expect(bob.news()).toEqual([{ type: "peer-left", peer: aliceId, reason: "kicked" }]);
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 1, connections: 2 });
    expect(bench.told("memberLeft")).toMatchObject([{ peer: aliceId, reason: "kicked" }]);
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ code: "not-joined" });
    expect(alice.join().created).toBe(false);
  });

  test("a kicked member who was away cannot take its seat back", () => {
    const bench = new Bench();
    const alice = bench.client();
    const { peer, resumeToken, seq } = alice.join();
    alice.link.vanish();
    bench.hub.kick("blue-fox", peer, "");
    expect(bench.client().resume(resumeToken, seq)).toMatchObject({ code: "resume-failed" });
  });

  test("nobody is kicked who is not there", () => {
    const bench = new Bench();
    const { aliceId } = bench.pair();
    expect(bench.hub.kick("blue-fox", "nobody", "")).toBe(false);
    expect(bench.hub.kick("red-fox", aliceId, "")).toBe(false);
    expect(bench.hub.stats.members).toBe(2);
  });

  test("a room that is closed ends for everyone in it, and for nobody else", () => {
    const bench = new Bench();
    const fox = bench.pair("fox");
    const owl = bench.pair("owl");
    expect(bench.hub.closeRoom("fox")).toBe(true);
    expect(bench.hub.closeRoom("fox")).toBe(false);
    expect(fox.alice.news()).toEqual([{ type: "room-closed", reason: "closed" }]);
    expect(fox.bob.news()).toEqual([{ type: "room-closed", reason: "closed" }]);
    expect(owl.alice.news()).toEqual([]);
    expect(bench.told("memberLeft")).toMatchObject([{ reason: "closed" }, { reason: "closed" }]);
  });

  test("closeAllRooms ends every room and every seat", () => {
    const bench = new Bench();
    const clients = ["fox", "owl", "elk"].flatMap((room) => {
      const { alice, bob } = bench.pair(room);
      return [alice, bob];
    });
    bench.hub.closeAllRooms("shutdown");
    for (const client of clients)
      expect(client.news()).toEqual([{ type: "room-closed", reason: "shutdown" }]);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 6 });
    expect(bench.told("roomDestroyed")).toHaveLength(3);
  });

  test("goAway tells the members, lets nobody new in, and lets running calls and resumes go on", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    const idle = bench.client();
    const { resumeToken } = bench.client().join("owl");
    bench.hub.goAway(60, "wss://b.example/signal");
    const told = { type: "go-away", graceSeconds: 60, url: "wss://b.example/signal" };
    expect(alice.news()).toEqual([told]);
    expect(bob.news()).toEqual([told]);
    expect(idle.ask({ type: "join", v: 1, room: "owl" })).toMatchObject({ code: "draining" });
    expect(idle.ask({ type: "create", v: 1, room: "elk" })).toMatchObject({ code: "draining" });
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ type: "ok" });
    expect(idle.resume(resumeToken, 1)).toMatchObject({ type: "joined" });
  });

  test("goAway asks for another server's url, and again for everybody who comes", () => {
    let other: string | undefined = "wss://b.example/signal";
    const bench = new Bench({}, { otherNodeUrl: () => other });
    const { alice } = bench.pair();
    bench.hub.goAway(5);
    expect(alice.news()).toEqual([{ type: "go-away", graceSeconds: 5, url: other }]);
    const late = bench.client();
    const join = { type: "join", v: 1, room: "owl" };
    expect(late.ask(join)).toMatchObject({ code: "draining", url: other });
    other = undefined;
    expect(late.ask(join)).not.toHaveProperty("url");
  });

  test("another server's url that cannot be had is reported, and the drain goes on without", () => {
    const bench = new Bench(
      {},
      {
        otherNodeUrl: () => {
          throw new Error("registry");
        },
      },
    );
    const { alice } = bench.pair();
    bench.hub.goAway(5);
    expect(alice.news()).toEqual([{ type: "go-away", graceSeconds: 5 }]);
    expect(bench.told("failed")).toHaveLength(1);
  });

  test("a call is a room with two seats, those of members who are away too", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    bench.client().join("owl");
    expect(bench.hub.callCount).toBe(1);
    bob.link.vanish();
    expect(bench.hub.callCount).toBe(1);
    alice.ask({ type: "leave" });
    expect(bench.hub.callCount).toBe(0);
  });

  test("goAway without a url has none", () => {
    const bench = new Bench();
    const { alice } = bench.pair();
    bench.hub.goAway(5);
    expect(alice.news()).toEqual([{ type: "go-away", graceSeconds: 5 }]);
  });

  test("an observer that ends the room while its member leaves does no harm", () => {
    const ended: string[] = [];
    const bench: Bench = new Bench(
      { roomSize: 3, clearOnLeave: false },
      {
        events: {
          memberLeft: ({ peer }) => {
            ended.push(peer);
            bench.hub.closeRoom("blue-fox");
          },
        },
      },
    );
    const { alice, bob, aliceId, bobId } = bench.pair();
    const carol = bench.client();
    const carolId = carol.join().peer;
    bob.news();
    alice.ask({ type: "leave" });
    expect(ended.sort()).toEqual([aliceId, bobId, carolId].sort());
    expect(bob.news()).toEqual([{ type: "room-closed", reason: "closed" }]);
    expect(bench.hub.stats).toMatchObject({ rooms: 0, members: 0 });
    expect((bob.join() satisfies Received<"joined">).created).toBe(true);
  });
});
