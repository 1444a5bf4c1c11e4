import { describe, expect, test } from "vitest";
import type { AuthorizeResult, JoinRequest } from "../../../src/signaling/ports.ts";
import { Bench, INFO } from "./bench.ts";

/** A hook whose answers the test gives later, in any order. */
function pendingHook() {
  const asked: {
    join: JoinRequest;
    answer: (result: AuthorizeResult) => Promise<void>;
    fail: () => Promise<void>;
  }[] = [];
  const authorize = (join: JoinRequest) =>
    new Promise<AuthorizeResult>((resolve, reject) => {
      asked.push({
        join,
        answer: (result) => {
          resolve(result);
          return settled();
        },
        fail: () => {
          reject(new Error("database"));
          return settled();
        },
      });
    });
  return { asked, authorize };
}

/** Every promise that is ready has been followed. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a hook that answers at once", () => {
  test("is asked with all that the client said and where it came from", () => {
    const asked: JoinRequest[] = [];
    const bench = new Bench({}, { authorize: (join) => asked.push(join) > 0 });
    bench.client().join("fox", { name: "Alice", token: "t" });
    bench.client().ask({ type: "create", v: 1, room: "owl" });
    expect(asked).toEqual([
      { room: "fox", name: "Alice", token: "t", create: false, info: INFO },
      { room: "owl", create: true, info: INFO },
    ]);
  });

  test.each([
    ["false", false],
    ["{ ok: false }", { ok: false }],
    ["nothing", undefined],
    ["null", null],
    ["text", "yes"],
    ["an object without ok", {}],
    ["ok that is only truthy", { ok: 1 }],
  ])("%s is unauthorized: an error, then 4003, and no room", (_name, result) => {
    const bench = new Bench({}, { authorize: () => result as AuthorizeResult });
    const client = bench.client();
    expect(client.ask({ type: "join", v: 1, room: "fox" })).toMatchObject({
      type: "error",
      code: "unauthorized",
    });
    expect(client.link.closedWith?.code).toBe(4003);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
  });

  test("a hook that throws is unauthorized, told to the observers and not to the client", () => {
    const bench = new Bench(
      {},
      {
        authorize: () => {
          throw new Error("database password");
        },
      },
    );
    const client = bench.client();
    expect(client.ask({ type: "join", v: 1, room: "fox" })).toMatchObject({ code: "unauthorized" });
    expect(client.link.frames.join()).not.toContain("password");
    expect(bench.told("failed")).toEqual([new Error("database password")]);
  });

  test("its name overrides the client's; without one the client's stays", () => {
    const bench = new Bench(
      { roomSize: 3 },
      { authorize: ({ token }) => (token === undefined ? true : { ok: true, name: "Dr. Bob" }) },
    );
    const alice = bench.client();
    alice.join("fox", { name: "Alice" });
    bench.client().join("fox", { name: "Bob", token: "doctor" });
    expect(alice.news().at(-1)).toMatchObject({ type: "peer-joined", name: "Dr. Bob" });
    expect(
      bench
        .client()
        .join("fox")
        .peers.map(({ name }) => name),
    ).toEqual(["Alice", "Dr. Bob"]);
  });

  test("rooms are not betrayed to somebody who may not join", () => {
    const bench = new Bench({}, { authorize: ({ token }) => token === "good" });
    bench.client().join("fox", { token: "good" });
    const codes = [
      { type: "create", v: 1, room: "fox" },
      { type: "join", v: 1, room: "nowhere" },
    ].map((message) => bench.client().ask(message));
    expect(codes).toMatchObject([{ code: "unauthorized" }, { code: "unauthorized" }]);
  });

  test("a resume is not asked about: the token is the proof", () => {
    let open = true;
    const bench = new Bench({}, { authorize: () => open });
    const { resumeToken } = bench.client().join();
    open = false;
    expect(bench.client().resume(resumeToken, 1)).toMatchObject({ type: "joined" });
  });
});

describe("a hook that answers later", () => {
  test("messages of that connection wait for it, in order; others do not", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize: (join) => join.room === "owl" || authorize(join) });
    const slow = bench.client();
    slow.say({ type: "join", v: 1, room: "fox" });
    for (const type of ["ice", "message", "offer", "leave", "ice"]) slow.say({ type, data: 1 });
    expect(slow.news()).toEqual([]);
    expect(bench.client().join("owl").created).toBe(true);
    await asked[0]?.answer(true);
    expect(slow.news().map(({ type, ref, code }) => [type, ref, code])).toEqual([
      ["joined", 1, undefined],
      ["error", 2, "bad-message"],
      ["ok", 3, undefined],
      ["error", 4, "bad-message"],
      ["error", 5, "bad-message"],
      ["error", 6, "bad-message"],
    ]);
  });

  test("no leaves the connection closed and what waited unanswered", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    client.say({ type: "ice" });
    await asked[0]?.answer(false);
    expect(client.news()).toMatchObject([{ type: "error", ref: 1, code: "unauthorized" }]);
    expect(client.link.closedWith?.code).toBe(4003);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
  });

  test("a rejection is unauthorized and told to the observers", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    await asked[0]?.fail();
    expect(client.news()).toMatchObject([{ code: "unauthorized" }]);
    expect(bench.told("failed")).toEqual([new Error("database")]);
  });

  test("the connection may drop meanwhile: no room, no seat", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    client.link.vanish();
    await asked[0]?.answer(true);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
    expect(bench.events).toEqual([]);
  });

  test("the room may fill meanwhile: who is decided last finds it full", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const clients = [bench.client(), bench.client(), bench.client()] as const;
    for (const client of clients) client.say({ type: "join", v: 1, room: "fox" });
    await asked[2]?.answer(true);
    await asked[0]?.answer(true);
    await asked[1]?.answer(true);
    expect(clients[1].news()).toMatchObject([{ type: "error", ref: 1, code: "room-full" }]);
    expect(bench.hub.stats).toMatchObject({ rooms: 1, members: 2 });
    // By the order in which they took their seats, not in which they asked.
    expect(clients[2].news()[0]).toMatchObject({ created: true, peers: [] });
    expect(clients[0].news()[0]).toMatchObject({ created: false, peers: [{ polite: true }] });
  });

  test("the room may end, and two may create it, meanwhile", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({ createOnJoin: false }, { authorize });
    const [first, second, late] = [bench.client(), bench.client(), bench.client()];
    for (const client of [first, second]) client.say({ type: "create", v: 1, room: "fox" });
    late.say({ type: "join", v: 1, room: "fox" });
    await asked[0]?.answer(true);
    await asked[1]?.answer(true);
    first.ask({ type: "leave" });
    await asked[2]?.answer(true);
    expect(second.news()).toMatchObject([{ code: "room-exists" }]);
    expect(late.news()).toMatchObject([{ code: "room-not-found" }]);
  });

  test("the server may begin to drain meanwhile", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    bench.hub.goAway(10);
    await asked[0]?.answer(true);
    expect(client.news()).toMatchObject([{ ref: 1, code: "draining" }]);
    expect(bench.hub.stats.rooms).toBe(0);
  });

  test("a second join waits too, and is already-joined after the first", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    client.say({ type: "join", v: 1, room: "owl" });
    expect(asked).toHaveLength(1);
    await asked[0]?.answer(true);
    expect(client.news()).toMatchObject([
      { type: "joined", ref: 1 },
      { ref: 2, code: "already-joined" },
    ]);
  });

  test("after a first join that failed, what waited behind the second waits on", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({ createOnJoin: false }, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    client.say({ type: "create", v: 1, room: "fox" });
    client.say({ type: "ice" });
    await asked[0]?.answer(true);
    expect(client.news()).toMatchObject([{ ref: 1, code: "room-not-found" }]);
    await asked[1]?.answer(true);
    expect(client.news()).toMatchObject([
      { type: "joined", ref: 2, created: true },
      { type: "ice-servers", ref: 3 },
    ]);
  });

  test("what waits is bounded in number and in size; what does not fit is answered at once", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({ maxMessageBytes: 1000 }, { authorize });
    const many = bench.client();
    many.say({ type: "join", v: 1, room: "fox" });
    for (let count = 0; count < 64; count++) many.say({ type: "ice" });
    expect(many.ask({ type: "ice" })).toMatchObject({ type: "error", code: "rate-limited" });
    const large = bench.client();
    large.say({ type: "join", v: 1, room: "owl" });
    for (let count = 0; count < 4; count++) large.say({ type: "message", data: "x".repeat(950) });
    expect(large.ask({ type: "message", data: "x".repeat(950) })).toMatchObject({ code: "rate-limited" });
    many.news();
    await asked[0]?.answer(true);
    await asked[1]?.answer(true);
    expect(many.news().map(({ type }) => type)).toEqual(["joined", ...Array(64).fill("ice-servers")]);
    expect(large.link.received.map(({ type }) => type)).toEqual(["error", "joined", "ok", "ok", "ok", "ok"]);
  });

  test("a reader too slow for the news of the late join is cut then, not some time later", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize: (join) => join.token === "known" || authorize(join) });
    const slow = bench.client();
    slow.join("fox", { token: "known" });
    slow.link.bufferedBytes = 2_000_000;
    const late = bench.client();
    late.say({ type: "join", v: 1, room: "fox" });
    await asked[0]?.answer(true);
    expect(slow.link.terminated).toBe(true);
    expect(late.news().map(({ type }) => type)).toEqual(["joined", "peer-away"]);
  });

  test("a hook that never answers: the join is unavailable when its time is up, and the late answer does nothing", async () => {
    const { asked, authorize } = pendingHook();
    const bench = new Bench({}, { authorize });
    const client = bench.client();
    client.say({ type: "join", v: 1, room: "fox" });
    bench.pass(19, client);
    expect(client.news()).toEqual([]);
    bench.pass(1, client);
    expect(client.news()).toMatchObject([{ ref: 1, code: "unavailable" }]);
    expect(client.link.closedWith?.code).toBe(4000);
    await asked[0]?.answer(true);
    expect(bench.hub.stats).toEqual({ rooms: 0, members: 0, connections: 0 });
  });
});
