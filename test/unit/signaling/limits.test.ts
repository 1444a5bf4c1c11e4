import { describe, expect, test } from "vitest";
import { Bench, FakeLink, INFO } from "./bench.ts";

describe("rate", () => {
  test("over the burst a message is answered with rate-limited and its ref, and the rate brings more", () => {
    const bench = new Bench({ messageBurst: 5, messagesPerSecond: 2 });
    const { alice, bob } = bench.pair();
    for (let count = 0; count < 4; count++)
      expect(alice.ask({ type: "message", data: count })).toMatchObject({ type: "ok" });
    expect(alice.ask({ type: "message", data: "too many" })).toMatchObject({
      type: "error",
      code: "rate-limited",
    });
    bench.nowMs += 1000;
    expect(alice.ask({ type: "message", data: 4 })).toMatchObject({ type: "ok" });
    expect(alice.ask({ type: "message", data: 5 })).toMatchObject({ type: "ok" });
    expect(alice.ask({ type: "message", data: 6 })).toMatchObject({ code: "rate-limited" });
    expect(bob.news().map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("a refused message may be sent again under its ref", () => {
    const bench = new Bench({ messageBurst: 1, messagesPerSecond: 1 });
    const { alice, bob } = bench.pair();
    const text = '{"type":"message","ref":2,"data":1}';
    alice.connection.receiveText(text);
    bench.nowMs += 1000;
    alice.connection.receiveText(text);
    expect(alice.news()).toMatchObject([
      { ref: 2, code: "rate-limited" },
      { type: "ok", ref: 2 },
    ]);
    expect(bob.news()).toHaveLength(1);
  });

  test("who goes on is closed with 4029 after one more burst, each refusal answered", () => {
    const bench = new Bench({ messageBurst: 10, messagesPerSecond: 1 });
    const client = bench.client();
    for (let count = 0; count < 21; count++) client.say({ type: "ice" });
    expect(client.news().map(({ code }) => code)).toEqual([
      ...Array(10).fill("not-joined"),
      ...Array(11).fill("rate-limited"),
    ]);
    expect(client.link.closedWith?.code).toBe(4029);
  });

  test("over the rate for long ends it too, though some messages pass in between", () => {
    const bench = new Bench({ messageBurst: 10, messagesPerSecond: 5 });
    const { alice } = bench.pair();
    let seconds = 0;
    while (alice.link.closedWith === undefined && seconds < 100) {
      for (let count = 0; count < 10; count++) alice.say({ type: "message", data: 1 });
      bench.nowMs += 1000;
      seconds++;
    }
    expect(alice.link.closedWith?.code).toBe(4029);
    expect(seconds).toBeLessThan(10);
  });

  test("binary frames count", () => {
    const client = new Bench({ messageBurst: 2 }).client();
    for (let count = 0; count < 3; count++) client.connection.receiveBinary();
    expect(client.news().map(({ code }) => code)).toEqual(["bad-message", "bad-message", "rate-limited"]);
  });

  test("one client's flood costs nobody else anything", () => {
    const bench = new Bench({ messageBurst: 5 });
    const { alice, bob } = bench.pair();
    for (let count = 0; count < 100; count++) alice.say({ type: "message", data: 1 });
    expect(bob.ask({ type: "ice" })).toMatchObject({ type: "ice-servers" });
  });

  test("a client that is exempt has no rate", () => {
    const bench = new Bench({ messageBurst: 1, messagesPerSecond: 1 });
    const client = bench.client({ exemptFromLimits: true });
    client.join();
    for (let count = 0; count < 500; count++) expect(client.ask({ type: "ice" }).type).toBe("ice-servers");
  });
});

describe("rooms", () => {
  test("no more than maxRooms; when one ends another may begin", () => {
    const bench = new Bench({ maxRooms: 2 });
    const first = bench.client();
    first.join("fox");
    bench.client().join("owl");
    const third = bench.client();
    expect(third.ask({ type: "join", v: 1, room: "elk" })).toMatchObject({ code: "server-full" });
    expect(bench.client().join("owl").created).toBe(false);
    first.ask({ type: "leave" });
    expect(third.join("elk").created).toBe(true);
  });

  test("no more than maxRoomsPerAddress made from one address, and the error says so", () => {
    const bench = new Bench({ maxRoomsPerAddress: 2 });
    const makers = ["fox", "owl"].map((room) => {
      const client = bench.client();
      client.join(room);
      return client;
    });
    expect(bench.client().ask({ type: "create", v: 1, room: "elk" })).toMatchObject({
      code: "server-full",
      message: expect.stringContaining("your address"),
    });
    expect(bench.client({ address: "198.51.100.2" }).join("elk").created).toBe(true);
    // Joining what others made is free, and what ended counts no more, whoever ended it.
    expect(bench.client().join("elk").created).toBe(false);
    makers[0]?.ask({ type: "leave" });
    expect(bench.client().join("fox").created).toBe(true);
  });

  test("a room counts for the address that made it until it ends, also when the maker has left", () => {
    const bench = new Bench({ maxRoomsPerAddress: 1, clearOnLeave: false });
    const maker = bench.client();
    maker.join("fox");
    const guest = bench.client({ address: "198.51.100.2" });
    guest.join("fox");
    maker.ask({ type: "leave" });
    expect(maker.ask({ type: "join", v: 1, room: "owl" })).toMatchObject({ code: "server-full" });
    guest.ask({ type: "leave" });
    expect(maker.join("owl").created).toBe(true);
  });

  test("a client that is exempt makes as many as the server holds, and they count for nobody", () => {
    const bench = new Bench({ maxRoomsPerAddress: 1, maxRooms: 5 });
    for (let count = 0; count < 4; count++) bench.client({ exemptFromLimits: true }).join(`room ${count}`);
    expect(bench.client().join("fox").created).toBe(true);
    const late = bench.client({ exemptFromLimits: true });
    expect(late.ask({ type: "join", v: 1, room: "owl" })).toMatchObject({ code: "server-full" });
  });

  test("a join that fails counts for nothing", () => {
    const bench = new Bench({ maxRoomsPerAddress: 1, createOnJoin: false });
    const client = bench.client();
    for (let count = 0; count < 5; count++) client.ask({ type: "join", v: 1, room: "fox" });
    expect(client.ask({ type: "create", v: 1, room: "fox" })).toMatchObject({ type: "joined" });
  });
});

describe("connections", () => {
  function refusedLink(bench: Bench, address = INFO.address): FakeLink {
    const link = new FakeLink();
    expect(bench.hub.connect(link, { ...INFO, address })).toBeUndefined();
    return link;
  }

  test("over maxConnections a new one hears server-full and is closed; when one goes another may come", () => {
    const bench = new Bench({ maxConnections: 2 });
    const first = bench.client();
    bench.client();
    const link = refusedLink(bench, "203.0.113.9");
    expect(link.received).toMatchObject([{ type: "error", seq: 1, code: "server-full" }]);
    expect(link.closedWith?.code).toBe(1013);
    first.link.vanish();
    expect(bench.client().join().created).toBe(true);
  });

  test("over maxConnectionsPerAddress too, for that address alone", () => {
    const bench = new Bench({ maxConnectionsPerAddress: 2 });
    const first = bench.client();
    bench.client();
    expect(refusedLink(bench).received).toMatchObject([
      { code: "server-full", message: expect.stringContaining("your address") },
    ]);
    expect(bench.client({ address: "198.51.100.2" }).join().created).toBe(true);
    expect(bench.client({ exemptFromLimits: true }).join("owl").created).toBe(true);
    first.link.vanish();
    expect(bench.client().join("elk").created).toBe(true);
  });

  test("one /64 is one address", () => {
    const bench = new Bench({ maxConnectionsPerAddress: 1 });
    bench.client({ address: "2001:db8:1:2::1" });
    expect(refusedLink(bench, "2001:db8:1:2:ffff::9").closedWith?.code).toBe(1013);
    expect(bench.client({ address: "2001:db8:1:3::1" }).join().created).toBe(true);
  });

  test("a link that breaks while it is refused does no harm", () => {
    const bench = new Bench({ maxConnections: 0 });
    const link = new FakeLink();
    link.failing = true;
    expect(bench.hub.connect(link, INFO)).toBeUndefined();
    expect(bench.told("failed")).toHaveLength(1);
  });

  test("one that never joins is closed after joinTimeoutSeconds", () => {
    const bench = new Bench();
    const silent = bench.client();
    const { alice } = bench.pair();
    bench.pass(19, silent, alice);
    expect(silent.link.closedWith).toBeUndefined();
    bench.pass(1, silent, alice);
    expect(silent.link.closedWith).toMatchObject({ code: 4000, reason: "no join in time" });
    expect(alice.link.closedWith).toBeUndefined();
  });

  test("after leave the time to join begins anew", () => {
    const bench = new Bench();
    const { alice } = bench.pair();
    bench.pass(100, alice);
    alice.ask({ type: "leave" });
    bench.pass(19, alice);
    expect(alice.link.closedWith).toBeUndefined();
    bench.pass(1, alice);
    expect(alice.link.closedWith?.code).toBe(4000);
  });
});

describe("heartbeat", () => {
  test("a connection that answers every ping lives", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    bench.pass(600, alice, bob);
    expect(alice.link.pings).toBe(20);
    expect(bench.hub.stats.members).toBe(2);
  });

  test("no pong by the next ping: 4008, cut, and treated as dropped", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    bench.pass(59, bob);
    expect(alice.link.pings).toBe(1);
    expect(bob.news()).toEqual([]);
    bench.pass(1, bob);
    expect(alice.link).toMatchObject({ closedWith: { code: 4008 }, terminated: true });
    expect(bob.news()).toEqual([{ type: "peer-away", peer: aliceId }]);
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 2, connections: 1 });
    bench.pass(15, bob);
    expect(bench.hub.stats.members).toBe(1);
  });

  test("a pong that nobody asked for is no pong for the next ping", () => {
    const bench = new Bench();
    const { alice } = bench.pair();
    bench.pass(29);
    alice.connection.receivePong();
    bench.pass(31);
    expect(alice.link.closedWith?.code).toBe(4008);
  });

  test("a link whose ping breaks is cut", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    alice.link.failing = true;
    bench.pass(30, bob);
    expect(alice.link.terminated).toBe(true);
    expect(bob.news()).toMatchObject([{ type: "peer-away" }]);
  });
});

describe("a reader that is too slow", () => {
  test("is cut as lost once more than maxBufferedBytes wait, and nothing more is sent to it", () => {
    const bench = new Bench({ maxBufferedBytes: 1000 });
    const { alice, bob, bobId } = bench.pair();
    bob.link.bufferedBytes = 1000;
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ type: "ok" });
    expect(bob.news()).toHaveLength(1);
    bob.link.bufferedBytes = 1001;
    expect(alice.ask({ type: "message", data: 2 })).toMatchObject({ type: "ok" });
    expect(bob.link.terminated).toBe(true);
    expect(bob.news()).toEqual([]);
    expect(alice.news().slice(1)).toEqual([
      { type: "ok", ref: 3 },
      { type: "peer-away", peer: bobId },
    ]);
  });

  test("its messages wait for it like those of anybody who dropped", () => {
    const bench = new Bench({ maxBufferedBytes: 1000 });
    const alice = bench.client();
    alice.join();
    const bob = bench.client();
    const { resumeToken } = bob.join();
    bob.link.bufferedBytes = 1001;
    alice.ask({ type: "message", data: "kept" });
    const again = bench.client();
    again.resume(resumeToken, bob.lastSeq);
    expect(again.news()[0]).toMatchObject({ type: "message", data: "kept" });
  });

  test("many at once, in one room, end in order: everybody else hears of each", () => {
    const bench = new Bench({ roomSize: 10, clearOnLeave: false, maxBufferedBytes: 1000 });
    const clients = Array.from({ length: 10 }, () => bench.client());
    const ids = clients.map((client) => client.join().peer);
    const [first, ...others] = clients;
    for (const client of clients) client.news();
    for (const { link } of others.slice(0, 8)) link.bufferedBytes = 2000;
    first?.ask({ type: "message", data: 1 });
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 10, connections: 2 });
    const away = others[8]?.news().filter(({ type }) => type === "peer-away");
    expect(away?.map(({ peer }) => peer).sort()).toEqual(ids.slice(1, 9).sort());
  });

  test("a link that breaks while it is sent to is cut, and the sender never knows", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    bob.link.failing = true;
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ type: "ok" });
    expect(bob.link.terminated).toBe(true);
    expect(bench.told("failed")).toHaveLength(1);
  });
});
