import { describe, expect, test } from "vitest";
import { Bench, type Client, type Received } from "./bench.ts";

/** Alice and Bob in a room; Alice has her token. */
function call(options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const [alice, bob] = [bench.client(), bench.client()];
  const { peer: aliceId, resumeToken } = alice.join("fox", { name: "Alice" });
  const { peer: bobId } = bob.join("fox", { name: "Bob" });
  alice.news();
  bob.news();
  return { bench, alice, bob, aliceId, bobId, resumeToken };
}

function expectGapless(seqs: number[]): void {
  expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
}

describe("a member who comes back in time", () => {
  test("gets its seat, a new token and fresh iceServers; the others hear peer-back", () => {
    const { bench, alice, bob, aliceId, bobId, resumeToken } = call();
    alice.link.vanish();
    bench.pass(14, bob);
    const again = bench.client();
    const answer = again.resume(resumeToken, alice.lastSeq) as Received<"joined">;
    expect(answer).toMatchObject({
      type: "joined",
      ref: 1,
      room: "fox",
      peer: aliceId,
      created: false,
      peers: [{ peer: bobId, name: "Bob", polite: false }],
      expiresAt: 1_800_001_014,
    });
    expect(answer.resumeToken).not.toBe(resumeToken);
    expect(bob.news()).toEqual([
      { type: "peer-away", peer: aliceId },
      { type: "peer-back", peer: aliceId },
    ]);
    bench.pass(60, again, bob);
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 2, connections: 2 });
    expect(bench.told("memberBack")).toMatchObject([{ peer: aliceId }]);
  });

  test("gets what it missed first, in order and under the old numbers, then `joined`: seq has no gap", () => {
    const { bench, alice, bob, resumeToken } = call();
    alice.link.vanish();
    for (let count = 0; count < 10; count++) bob.ask({ type: "message", data: count });
    const again = bench.client();
    again.resume(resumeToken, alice.lastSeq);
    const replayed = again.link.received;
    expect(replayed.map(({ type }) => type)).toEqual([...Array(10).fill("message"), "joined"]);
    expect(replayed.slice(0, 10).map((message) => (message as Received<"message">).data)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expectGapless([...alice.link.received, ...replayed].map(({ seq }) => seq));
    bob.ask({ type: "message", data: "live" });
    expect(again.link.received.at(-1)).toMatchObject({
      type: "message",
      seq: again.link.received.length + 2,
    });
  });

  test("gets again what was sent to its old socket but never arrived", () => {
    const { bench, alice, bob, resumeToken } = call();
    bob.ask({ type: "message", data: "lost on the way" });
    const arrived = alice.lastSeq - 1;
    alice.link.vanish();
    const again = bench.client();
    again.resume(resumeToken, arrived);
    expect(again.news()[0]).toMatchObject({ type: "message", data: "lost on the way" });
  });

  test("hears what happened in the room while it was away", () => {
    const { bench, alice, bob, bobId, resumeToken } = call({ roomSize: 3, clearOnLeave: false });
    alice.link.vanish();
    const carolId = bench.client().join("fox").peer;
    bob.ask({ type: "leave" });
    const again = bench.client();
    const { peers } = again.resume(resumeToken, alice.lastSeq) as Received<"joined">;
    expect(again.news().slice(0, -1)).toEqual([
      { type: "peer-joined", peer: carolId, polite: false },
      { type: "peer-left", peer: bobId, reason: "left" },
    ]);
    expect(peers).toEqual([{ peer: carolId, polite: false }]);
  });

  test("keeps its role and may go on talking; messages reach its new socket alone", () => {
    const { alice, bob, bench, aliceId, resumeToken } = call();
    alice.link.vanish();
    const again = bench.client();
    again.resume(resumeToken, alice.lastSeq);
    expect(again.ask({ type: "message", data: "hello again" })).toMatchObject({ type: "ok" });
    expect(bob.news().at(-1)).toEqual({ type: "message", from: aliceId, data: "hello again" });
    expect(alice.link.received).toHaveLength(2);
  });

  test("may come back again and again, each time with the newest token", () => {
    const { bench, alice, resumeToken } = call();
    let token = resumeToken;
    let old: Client = alice;
    for (let round = 0; round < 5; round++) {
      old.link.vanish();
      const next = bench.client();
      token = (next.resume(token, old.lastSeq) as Received<"joined">).resumeToken;
      old = next;
    }
    expect(bench.hub.stats.members).toBe(2);
  });

  test("gets no credentials while it is away, and fresh ones when it is back", () => {
    const { bench, alice, bob, resumeToken } = call({ ttlSeconds: 10 });
    alice.link.vanish();
    bench.pass(9, bob);
    const again = bench.client();
    again.resume(resumeToken, alice.lastSeq);
    bench.pass(7, again, bob);
    expect(again.news().map(({ type }) => type)).toEqual(["joined"]);
    bench.pass(1, again, bob);
    expect(again.news().map(({ type }) => type)).toEqual(["ice-servers"]);
    expect(bob.news().map(({ type }) => type)).toContain("ice-servers");
  });
});

describe("a second socket with the token", () => {
  test("takes the seat from the first, which is closed with 4001 and never hurts it again", () => {
    const { bench, alice, bob, aliceId, resumeToken } = call();
    const second = bench.client();
    second.resume(resumeToken, alice.lastSeq);
    expect(alice.link.closedWith?.code).toBe(4001);
    alice.connection.receiveText('{"type":"leave","ref":100}');
    alice.connection.closed();
    expect(bob.news()).toEqual([{ type: "peer-back", peer: aliceId }]);
    expect(bench.hub.stats).toEqual({ rooms: 1, members: 2, connections: 2 });
    bench.pass(60, second, bob);
    expect(bench.hub.stats.members).toBe(2);
  });

  test("leaves the first without its token: once the new one has arrived, the old one is unknown", () => {
    const { bench, alice, resumeToken } = call();
    const second = bench.client();
    second.resume(resumeToken, alice.lastSeq);
    bench.pass(30, second);
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
    expect(bench.hub.stats.members).toBe(2);
  });
});

describe("a resume whose answer was lost", () => {
  test("may be made again with the token of the last time, and everything missed comes again", () => {
    const { bench, alice, bob, aliceId, resumeToken } = call();
    const { lastSeq } = alice;
    alice.link.vanish();
    bob.ask({ type: "message", data: "missed" });
    const cut = bench.client();
    cut.resume(resumeToken, lastSeq);
    cut.link.vanish();
    const again = bench.client();
    again.nextRef = 2;
    const answer = again.resume(resumeToken, lastSeq);
    expect(answer).toMatchObject({ type: "joined", peer: aliceId });
    expect(again.news()).toMatchObject([
      { type: "message", data: "missed" },
      { type: "joined", ref: 1 },
      { type: "joined", ref: 2 },
    ]);
    expectGapless([lastSeq, ...again.link.received.map(({ seq }) => seq)]);
    const { resumeToken: newest } = answer as Received<"joined">;
    again.link.vanish();
    expect(bench.client().resume(newest, answer.seq)).toMatchObject({ type: "joined" });
  });

  test("is known by the last token alone: those before it are void", () => {
    const { bench, alice, resumeToken } = call();
    const second = bench.client();
    const { resumeToken: next } = second.resume(resumeToken, alice.lastSeq) as Received<"joined">;
    bench.client().resume(next, second.lastSeq);
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
  });

  test("leaves no token behind when the seat is gone", () => {
    const { bench, alice, bob, resumeToken } = call();
    const second = bench.client();
    second.resume(resumeToken, alice.lastSeq);
    bob.ask({ type: "leave" });
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
    expect(second.join("fox")).toMatchObject({ created: true });
  });
});

describe("refs after a resume", () => {
  test("go on where the seat's ended, so that what was not answered may be said again, once", () => {
    const { bench, alice, bob, resumeToken } = call();
    alice.ask({ type: "message", data: "done" });
    alice.link.vanish();
    bob.news();
    const again = bench.client();
    again.nextRef = 9;
    again.resume(resumeToken, alice.lastSeq);
    for (const ref of [2, 3]) again.connection.receiveText(`{"type":"message","ref":${ref},"data":${ref}}`);
    expect(again.news().slice(1)).toMatchObject([
      { ref: 2, code: "bad-message" },
      { type: "ok", ref: 3 },
    ]);
    expect(bob.news().filter(({ type }) => type === "message")).toMatchObject([{ data: 3 }]);
  });

  test("go on also where the old socket still stood", () => {
    const { bench, alice, resumeToken } = call();
    alice.ask({ type: "message", data: "done" });
    const again = bench.client();
    again.nextRef = 9;
    again.resume(resumeToken, alice.lastSeq);
    for (const ref of [2, 3]) again.connection.receiveText(`{"type":"message","ref":${ref},"data":${ref}}`);
    expect(again.news().slice(1)).toMatchObject([
      { ref: 2, code: "bad-message" },
      { type: "ok", ref: 3 },
    ]);
  });

  test("go on from the join of a page that was loaded again and counts anew", () => {
    const { bench, alice, resumeToken } = call();
    for (let count = 0; count < 20; count++) alice.ask({ type: "message", data: count });
    alice.link.vanish();
    const again = bench.client();
    again.resume(resumeToken, alice.lastSeq);
    expect(again.ask({ type: "message", data: "from a new page" })).toMatchObject({ type: "ok", ref: 2 });
  });
});

describe("resume-failed", () => {
  function expectFreshJoin(bench: Bench, client: Client): void {
    expect(client.join("fox").type).toBe("joined");
    expect(bench.hub.stats.rooms).toBe(1);
  }

  test("for a token that nobody was given, and a fresh join works on the same connection", () => {
    const bench = new Bench();
    const client = bench.client();
    for (const token of ["x", "__proto__", "x".repeat(128)]) {
      expect(client.resume(token, 0)).toMatchObject({ type: "error", code: "resume-failed" });
    }
    expectFreshJoin(bench, client);
  });

  test("when the time is up", () => {
    const { bench, alice, bob, resumeToken } = call();
    alice.link.vanish();
    bench.pass(15, bob);
    const again = bench.client();
    expect(again.resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
    expectFreshJoin(bench, again);
  });

  test("when the other has hung up meanwhile", () => {
    const { bench, alice, bob, resumeToken } = call();
    alice.link.vanish();
    bob.ask({ type: "leave" });
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
  });

  test("after one's own leave", () => {
    const { bench, alice, resumeToken } = call();
    alice.ask({ type: "leave" });
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
  });

  test("when more was missed than is kept, in number; the seat is given up, so that a fresh join finds room", () => {
    const { bench, alice, bob, aliceId, resumeToken } = call({ maxReplayMessages: 5 });
    alice.link.vanish();
    for (let count = 0; count < 6; count++) bob.ask({ type: "message", data: count });
    bob.news();
    const again = bench.client();
    expect(again.resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
    expect(again.news()).toHaveLength(1);
    expect(bob.news()).toEqual([{ type: "peer-left", peer: aliceId, reason: "timeout" }]);
    expectFreshJoin(bench, again);
  });

  test("five missed of five kept is enough", () => {
    const { bench, alice, bob, resumeToken } = call({ maxReplayMessages: 5 });
    alice.link.vanish();
    for (let count = 0; count < 5; count++) bob.ask({ type: "message", data: count });
    const again = bench.client();
    expect(again.resume(resumeToken, alice.lastSeq)).toMatchObject({ type: "joined" });
    expect(again.news()).toHaveLength(6);
  });

  test("when more was missed than is kept, in bytes", () => {
    const { bench, alice, bob, resumeToken } = call({ maxReplayBytes: 3000 });
    alice.link.vanish();
    for (let count = 0; count < 4; count++) bob.ask({ type: "message", data: "x".repeat(1000) });
    expect(bench.client().resume(resumeToken, alice.lastSeq)).toMatchObject({ code: "resume-failed" });
  });

  test("for a lastSeq that was never sent", () => {
    const { bench, alice, resumeToken } = call();
    expect(bench.client().resume(resumeToken, alice.lastSeq + 1)).toMatchObject({ code: "resume-failed" });
    expect(alice.link.closedWith?.code).toBe(4001);
  });

  test("for a lastSeq from before a ping that the client answered", () => {
    const { bench, alice, bob, resumeToken } = call();
    bench.pass(30, alice, bob);
    alice.link.vanish();
    expect(bench.client().resume(resumeToken, alice.lastSeq - 1)).toMatchObject({ code: "resume-failed" });
  });
});

test("an answered ping frees what it proves to have arrived, and nothing later", () => {
  const { bench, alice, bob, resumeToken } = call();
  bench.nowMs += 30_000;
  bench.hub.sweep();
  const atPing = alice.lastSeq;
  bob.ask({ type: "message", data: "behind the ping" });
  alice.connection.receivePong();
  alice.link.vanish();
  const again = bench.client();
  expect(again.resume(resumeToken, atPing)).toMatchObject({ type: "joined" });
  expect(again.news()[0]).toMatchObject({ data: "behind the ping" });
});

test("a ping from before the resume proves nothing about the seat's numbers", () => {
  const { bench, alice, bob, resumeToken } = call();
  const again = bench.client();
  again.join("owl");
  for (let count = 0; count < 50; count++) again.ask({ type: "ice" });
  bench.nowMs += 30_000;
  bench.hub.sweep();
  again.ask({ type: "leave" });
  alice.link.vanish();
  const { seq, resumeToken: next } = again.resume(resumeToken, alice.lastSeq) as Received<"joined">;
  bob.ask({ type: "message", data: 1 });
  again.connection.receivePong();
  again.link.vanish();
  expect(bench.client().resume(next, seq)).toMatchObject({ type: "joined" });
});

test("iceServers that cannot be had: unavailable, and the seat waits on", () => {
  let broken = false;
  const bench = new Bench(
    {},
    {
      issueIceServers: () => {
        if (broken) throw new Error("no secret");
        return { iceServers: [], expiresAt: 1 };
      },
    },
  );
  const alice = bench.client();
  const { resumeToken } = alice.join();
  alice.link.vanish();
  broken = true;
  const again = bench.client();
  expect(again.resume(resumeToken, 1)).toMatchObject({ code: "unavailable" });
  broken = false;
  expect(again.resume(resumeToken, 1)).toMatchObject({ type: "joined" });
});

test("a new socket that breaks while the seat is taken back: the seat is away again, and the break is told once", () => {
  const { bench, alice, bob, aliceId, resumeToken } = call();
  alice.link.vanish();
  for (let count = 0; count < 3; count++) bob.ask({ type: "message", data: count });
  bob.news();
  const broken = bench.client();
  broken.link.failing = true;
  broken.say({ type: "join", v: 1, resumeToken, lastSeq: alice.lastSeq });
  expect(broken.link.terminated).toBe(true);
  expect(bench.told("failed")).toHaveLength(1);
  expect(bob.news()).toEqual([
    { type: "peer-back", peer: aliceId },
    { type: "peer-away", peer: aliceId },
  ]);
});
