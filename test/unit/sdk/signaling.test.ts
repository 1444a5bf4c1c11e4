import { describe, expect, test } from "vitest";
import { joinRoom } from "../../../src/sdk/client.ts";
import { Bench, FakeSocket, type Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";

async function pair(options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const first = await bench.join({ name: "Ada" });
  const second = await bench.join({ name: "Grace" });
  return { bench, first, second };
}

function texts(member: Member): unknown[] {
  return member.told("message").map(({ data }) => data);
}

describe("the first join", () => {
  test("rejects with the server's code", async () => {
    const { bench } = await pair();
    await expect(bench.join()).rejects.toMatchObject({ name: "TurnpikeError", code: "room-full" });
    expect(bench.hub.stats.connections).toBe(2);
    expect(bench.clock.pending).toBe(0);
  });

  test("createRoom in a room that is there rejects with room-exists", async () => {
    const bench = new Bench();
    const member = await bench.join();
    const { createRoom } = await import("../../../src/sdk/client.ts");
    const creating = createRoom("room", { url: "https://example.org", environment: member.environment() });
    const rejected = expect(creating).rejects.toMatchObject({ code: "room-exists" });
    await settle();
    member.socket?.deliver();
    await rejected;
  });

  test("rejects when the server is not reached, and does not try again", async () => {
    const bench = new Bench();
    bench.isUp = false;
    await expect(bench.join()).rejects.toMatchObject({ code: "connection-failed" });
    expect(bench.members[0]?.sockets).toHaveLength(1);
    expect(bench.clock.pending).toBe(0);
    bench.isUp = true;
    await expect(bench.join()).resolves.toBeDefined();
  });

  test("rejects when the server says nothing for ten seconds", async () => {
    const bench = new Bench();
    const member = await bench.join();
    const environment = { ...member.environment(), createSocket: silentSocket };
    const joining = joinRoom("room", { url: "https://example.org", environment });
    const rejected = expect(joining).rejects.toMatchObject({ code: "connection-failed" });
    await bench.clock.advance(10_000);
    await rejected;
    expect(bench.clock.pending).toBe(0);
  });

  test("an unauthorized join rejects with unauthorized", async () => {
    const bench = new Bench({}, { authorize: () => false });
    await expect(bench.join({ token: "wrong" })).rejects.toMatchObject({ code: "unauthorized" });
  });

  test("a resumption whose seat is gone rejects with resume-failed", async () => {
    const bench = new Bench();
    const resume = { resumeToken: "unknown", lastSeq: 3 };
    await expect(bench.join({ resume })).rejects.toMatchObject({ code: "resume-failed" });
    await expect(bench.join()).resolves.toBeDefined();
  });

  test("name and token are in the join, and every request has a rising ref", async () => {
    const bench = new Bench();
    const member = await bench.join({ name: "Ada", token: "t" });
    await Promise.all([member.call.post("a"), member.call.post("b"), bench.run()]);
    expect(member.socket?.sent).toEqual([
      { type: "join", v: 1, room: "room", name: "Ada", token: "t", ref: 1 },
      { type: "message", data: "a", ref: 2 },
      { type: "message", data: "b", ref: 3 },
    ]);
  });
});

describe("requests", () => {
  test("resolve on ok and reject on error with its code", async () => {
    const { bench, first, second } = await pair();
    const sent = first.call.post({ any: "JSON" }, second.call.id);
    const refused = expect(first.call.post("lost", "nobody")).rejects.toMatchObject({
      code: "peer-not-found",
    });
    await bench.run();
    await sent;
    await refused;
    const [peer] = second.call.peers.values();
    expect(second.told("message")).toEqual([{ peer, via: "server", data: { any: "JSON" } }]);
  });

  test("go no faster than the server takes them", async () => {
    const { bench, first, second } = await pair({ messagesPerSecond: 10, messageBurst: 30 });
    const posts = Array.from({ length: 60 }, (_, i) => first.call.post(i));
    await bench.run();
    expect(first.sent("message").length).toBeLessThan(30);
    for (let i = 0; i < 60; i++) await bench.advance(100);
    await Promise.all(posts);
    expect(texts(second)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect(first.told("error")).toEqual([]);
  });

  test("that wait are rejected when the call is over", async () => {
    const { first } = await pair();
    if (first.socket !== undefined) first.socket.isDeaf = true;
    const rejected = expect(first.call.post("never answered")).rejects.toMatchObject({ code: "closed" });
    first.socket?.drop(4001, "another socket took this seat");
    await rejected;
    await expect(first.call.post("too late")).rejects.toMatchObject({ code: "closed" });
  });

  test("that are larger than the server takes are refused here: one far above its limit would end the socket", async () => {
    const { bench, first, second } = await pair({ maxMessageBytes: 1000 });
    // 1,000 bytes are fewer characters.
    for (const data of ["x".repeat(1000), "ü".repeat(500), "x".repeat(5000)]) {
      await expect(first.call.post(data)).rejects.toMatchObject({ code: "too-large" });
    }
    expect(first.sent("message")).toEqual([]);
    await Promise.all([first.call.post("ü".repeat(450)), bench.run()]);
    expect(texts(second)).toEqual(["ü".repeat(450)]);
  });

  test("more than 1024 that wait are refused", async () => {
    const { bench, first } = await pair();
    bench.isUp = false;
    first.socket?.drop();
    const posts = Array.from({ length: 1024 }, () => first.call.post("waits").catch(String));
    await expect(first.call.post("one too many")).rejects.toMatchObject({ code: "overloaded" });
    await Promise.all([first.call.leave(), bench.clock.advance(1000)]);
    expect(new Set(await Promise.all(posts))).toEqual(new Set(["TurnpikeError: the call is over"]));
  });
});

describe("a lost socket", () => {
  test("comes back also with as many requests as may wait", async () => {
    const { bench, first, second } = await pair();
    bench.isUp = false;
    first.socket?.drop();
    const posts = Array.from({ length: 1024 }, (_, i) => first.call.post(i));
    bench.isUp = true;
    first.wake();
    await bench.run();
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
    for (let i = 0; i < 30; i++) await bench.advance(1000);
    await Promise.all(posts);
    expect(texts(second)).toHaveLength(1024);
  });

  test("comes back in the old seat: nothing is missed, nothing is done twice", async () => {
    const { bench, first, second } = await pair();
    const [socket] = first.sockets;
    if (socket === undefined) throw new Error("no socket");
    // One request that the hub got but whose answer was lost, one that it never got.
    const answered = first.call.post("answer lost");
    socket.isDeaf = true;
    const unsent = first.call.post("never arrived");
    await settle();
    socket.close();
    socket.onclose?.({ code: 1006, reason: "" });
    const missed = second.call.post("while you were away");
    await bench.run();
    expect(second.told("peer-away")).toHaveLength(1);
    expect(first.told("signaling")).toEqual([{ state: "reconnecting" }]);
    await bench.advance(500);
    await Promise.all([answered, unsent, missed]);
    expect(texts(second)).toEqual(["answer lost", "never arrived"]);
    expect(texts(first)).toEqual(["while you were away"]);
    expect(first.told("signaling")).toEqual([{ state: "reconnecting" }, { state: "connected" }]);
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
    expect(second.told("peer-back")).toHaveLength(1);
    expect(first.connections).toHaveLength(1);
    expect(first.sent("join")[1]).toMatchObject({
      lastSeq: expect.any(Number),
      resumeToken: expect.any(String),
    });
  });

  test("comes back twice with the token of the last time", async () => {
    const { bench, first } = await pair();
    for (let round = 1; round <= 2; round++) {
      first.socket?.drop();
      await bench.advance(500);
      expect(first.told("joined")).toHaveLength(round);
    }
    const tokens = first.sent("join").map(({ resumeToken }) => resumeToken);
    expect(new Set(tokens).size).toBe(3);
  });

  test("comes back also when the answer to its return was lost with another socket", async () => {
    const { bench, first, second } = await pair();
    first.socket?.drop();
    await bench.clock.advance(500);
    // The hub has heard the resume; the socket ends before the browser reads the answer.
    const returning = first.socket;
    returning?.close();
    returning?.onclose?.({ code: 1006, reason: "" });
    await bench.advance(1000);
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
    await Promise.all([first.call.post("here again"), bench.run()]);
    expect(texts(second)).toEqual(["here again"]);
  });

  test("a page that is loaded again before the last load got its seat gets it as well", async () => {
    const { bench, first, second } = await pair();
    const resume = second.call.resumption;
    if (resume === undefined) throw new Error("no resumption");
    second.socket?.close();
    const hasty = new FakeSocket("wss://example.org/signal");
    hasty.open(bench.hub);
    hasty.send(JSON.stringify({ type: "join", v: 1, ref: 1, ...resume }));
    hasty.close();
    const reloaded = await bench.join({ resume });
    expect(reloaded.call.id).toBe(second.call.id);
    reloaded.socket?.drop();
    await bench.advance(500);
    await Promise.all([reloaded.call.post("here again"), bench.run()]);
    expect(texts(first)).toEqual(["here again"]);
    expect(reloaded.told("error")).toEqual([]);
  });

  test("waits longer each time while the server is down, and comes back as soon as the network does", async () => {
    const { bench, first } = await pair({ resumeSeconds: 600 });
    bench.isUp = false;
    first.socket?.drop();
    const openedAt: number[] = [];
    let seen = first.sockets.length;
    for (let i = 0; i < 300; i++) {
      await bench.advance(100);
      if (first.sockets.length > seen) openedAt.push(bench.clock.nowMs);
      seen = first.sockets.length;
    }
    const waits = openedAt.map((at, i) => at - (openedAt[i - 1] ?? 0));
    expect(waits.slice(0, 4)).toEqual([300, 500, 1000, 2000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(7600);
    bench.isUp = true;
    first.wake();
    await bench.run();
    expect(first.told("joined")).toMatchObject([{ resumed: true }]);
  });

  test("after the seat is gone: a fresh join of the same room, with new peers", async () => {
    const { bench, first, second } = await pair();
    const oldId = first.call.id;
    const oldConnection = first.connection;
    bench.isUp = false;
    first.socket?.drop();
    const unanswered = expect(first.call.post("for the old seat")).rejects.toMatchObject({
      code: "resume-failed",
    });
    await bench.advance(16_000);
    expect(second.told("peer-left")).toMatchObject([{ reason: "timeout" }]);
    bench.isUp = true;
    first.wake();
    await bench.run();
    await unanswered;
    expect(first.told("joined")).toMatchObject([{ resumed: false }]);
    expect(first.told("peer-left")).toMatchObject([{ reason: "replaced" }]);
    expect(first.told("peer-joined").map(({ peer }) => peer.id)).toEqual([second.call.id, second.call.id]);
    expect(oldConnection.connectionState).toBe("closed");
    expect(first.call.id).not.toBe(oldId);
    expect([...second.call.peers.keys()]).toEqual([first.call.id]);
    await Promise.all([first.call.post("in the new seat"), bench.run()]);
    expect(texts(second)).toEqual(["in the new seat"]);
  });

  test("a message that comes twice counts once", async () => {
    const { first } = await pair();
    const [peer] = first.call.peers.keys();
    const message = { type: "message", seq: 50, from: peer, data: "once" };
    first.socket?.inject(message);
    first.socket?.inject(message);
    expect(texts(first)).toEqual(["once"]);
  });

  test("what is no message of the server is passed over", async () => {
    const { bench, first, second } = await pair();
    for (const data of ["not JSON", "null", '{"type":"message"}', new ArrayBuffer(3)]) {
      first.socket?.onmessage?.({ data });
    }
    const posted = second.call.post("still here");
    await bench.run();
    await posted;
    expect(texts(first)).toEqual(["still here"]);
  });

  test("is not sought again after 4001 and 4003", async () => {
    for (const [code, reason] of [
      [4001, "replaced"],
      [4003, "unauthorized"],
    ] as const) {
      const { bench, first } = await pair();
      first.socket?.drop(code, "because");
      await bench.advance(60_000);
      expect(first.sockets).toHaveLength(1);
      expect(first.told("closed")).toMatchObject([{ reason }]);
      expect(first.connection.connectionState).toBe("closed");
    }
  });

  test("is given up after ten minutes", async () => {
    const { bench, first } = await pair();
    bench.isUp = false;
    first.socket?.drop();
    await bench.advance(599_000);
    expect(first.told("closed")).toEqual([]);
    await bench.advance(20_000);
    expect(first.told("closed")).toMatchObject([
      { reason: "connection-lost", error: { code: "connection-lost" } },
    ]);
    expect(bench.clock.pending).toBe(0);
  });

  test("when somebody else took the place meanwhile, the call is over and says why", async () => {
    const { bench, first } = await pair();
    bench.isUp = false;
    first.socket?.drop();
    await bench.advance(16_000);
    bench.isUp = true;
    await bench.join();
    first.wake();
    await bench.run();
    expect(first.told("closed")).toMatchObject([{ reason: "refused", error: { code: "room-full" } }]);
  });
});

describe("what the server says", () => {
  test("go-away and notices are told", async () => {
    const { bench, first } = await pair();
    bench.hub.goAway(20, "wss://other.example");
    await bench.run();
    first.socket?.inject({ type: "notice", seq: 90, code: "relay-target-refused", address: "192.0.2.7" });
    expect(first.told("go-away")).toEqual([{ graceSeconds: 20, url: "wss://other.example" }]);
    expect(first.told("notice")).toEqual([
      { code: "relay-target-refused", detail: { address: "192.0.2.7" } },
    ]);
  });

  test("a room that is closed, and a member that is taken out, end the call with the reason", async () => {
    const { bench, first, second } = await pair();
    bench.hub.kick("room", second.call.id, "be nice");
    await bench.run();
    expect(second.told("closed")).toEqual([{ reason: "kicked", detail: "be nice", error: undefined }]);
    bench.hub.closeRoom("room");
    await bench.run();
    expect(first.told("closed")).toEqual([{ reason: "room-closed", detail: "closed", error: undefined }]);
    expect(bench.hub.stats).toMatchObject({ rooms: 0, connections: 0 });
  });

  test("an error that answers nothing is told", async () => {
    const { first } = await pair();
    first.socket?.inject({ type: "error", seq: 90, code: "bad-message", message: "what?" });
    expect(first.told("error")).toMatchObject([{ code: "bad-message", message: "what?" }]);
  });
});

function silentSocket() {
  return {
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: () => undefined,
    close: () => undefined,
  };
}
