/** A server that goes away, with another one to go to and without. */

import { describe, expect, test } from "vitest";
import { TurnpikeError } from "../../../src/sdk/client.ts";
import { Bench, type Member } from "./bench.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";
import { expectMet } from "./met.ts";

const OTHER = "wss://b.example/signal";
const GRACE_SECONDS = 60;
/** Whatever its jitter, everybody has moved by then. */
const MOVED_MS = 10_000;

async function pair(options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const [ada, bob] = [await bench.join({ name: "Ada" }), await bench.join({ name: "Bob" })];
  await bench.advance(1500);
  FakePeerConnection.connect(ada.connectionTo(bob), bob.connectionTo(ada));
  await bench.run();
  return { bench, ada, bob };
}

function urlsOf({ sockets }: Member): string[] {
  return sockets.map(({ url }) => url);
}

describe("go-away with another server's url", () => {
  test("moves everybody there, each after a time of its own; direct connections go on", async () => {
    const { bench, ada, bob } = await pair();
    const other = bench.addServer(OTHER);
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    await bench.run();
    for (const member of [ada, bob]) {
      expect(member.told("go-away")).toEqual([{ graceSeconds: GRACE_SECONDS, url: OTHER }]);
      expect(member.sockets).toHaveLength(1);
    }
    await bench.advance(MOVED_MS);
    for (const member of [ada, bob]) {
      expect(urlsOf(member).slice(1)).toEqual([OTHER]);
      expect(member.told("joined")).toMatchObject([{ resumed: false }]);
      expect(member.told("peer-left")).toEqual([]);
      expect(member.connections).toHaveLength(1);
    }
    expect(other.stats).toMatchObject({ rooms: 1, members: 2 });
    ada.call.addTrack({ kind: "video", id: "track" } as MediaStreamTrack);
    await bench.run();
    expectMet(ada, bob);
    await bench.advance(20_000);
    expect(bench.hub.stats).toMatchObject({ rooms: 0, members: 0 });
  });

  test("moves within half of a short grace", async () => {
    const { bench, ada } = await pair();
    bench.addServer(OTHER);
    bench.hub.goAway(2, OTHER);
    await bench.run();
    await bench.advance(1000);
    expect(urlsOf(ada).at(-1)).toBe(OTHER);
  });

  test("takes a lost socket there at once, and comes back to its seat where the other one is not reached", async () => {
    const { bench, ada } = await pair({ resumeSeconds: 60 });
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    bench.unreachable.add(OTHER);
    await bench.run();
    await bench.advance(MOVED_MS);
    await bench.advance(1000);
    expect(urlsOf(ada).slice(1, 3)).toEqual([OTHER, "wss://example.org/signal"]);
    expect(ada.told("joined")).toMatchObject([{ resumed: true }]);
    await Promise.all([ada.call.post("still here"), bench.run()]);
  });

  test("comes back to its seat where the other one's room is full", async () => {
    const { bench, ada, bob } = await pair({ resumeSeconds: 60 });
    bench.addServer(OTHER);
    const strangers = [await bench.join({ url: OTHER }), await bench.join({ url: OTHER })];
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    await bench.run();
    await bench.advance(MOVED_MS);
    await bench.advance(1000);
    for (const member of [ada, bob]) {
      expect(member.told("joined").at(-1)).toMatchObject({ resumed: true });
      expect(member.told("closed")).toEqual([]);
    }
    for (const { call } of strangers) expect(call.closed).toBe(false);
  });

  test("that is no server's is told to the page and nothing else", async () => {
    const { bench, ada } = await pair();
    bench.hub.goAway(GRACE_SECONDS, "ftp://b.example");
    await bench.run();
    await bench.advance(MOVED_MS);
    expect(ada.told("go-away")).toMatchObject([{ url: "ftp://b.example" }]);
    expect(ada.sockets).toHaveLength(1);
  });

  test("leaves no timer behind when the call is over", async () => {
    const { bench, ada, bob } = await pair();
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    await bench.run();
    await Promise.all([ada.call.leave(), bench.clock.advance(1000)]);
    await bench.run();
    expect(bob.told("closed")).toHaveLength(1);
    expect(bench.clock.pending).toBe(0);
  });

  test("a page that is loaded again afterwards finds its seat where it moved to", async () => {
    const { bench, ada } = await pair();
    bench.addServer(OTHER);
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    await bench.run();
    await bench.advance(MOVED_MS);
    const { resumption: resume } = ada.call;
    if (resume === undefined) throw new Error("no resumption");
    ada.socket?.close();
    const again = await bench.join({ resume });
    expect(again.call.id).toBe(ada.call.id);
    expect(urlsOf(again)).toEqual([OTHER]);
  });
});

describe("go-away without a url", () => {
  test("changes nothing; when the server has ended everybody comes back as soon as it is there again", async () => {
    const { bench, ada, bob } = await pair();
    bench.hub.goAway(GRACE_SECONDS);
    await bench.run();
    await bench.advance(MOVED_MS);
    for (const member of [ada, bob]) {
      expect(member.sockets).toHaveLength(1);
      expect(member.told("go-away")).toEqual([{ graceSeconds: GRACE_SECONDS, url: undefined }]);
    }
    await bench.shutDown();
    for (let i = 0; i < 60; i++) await bench.advance(1000);
    bench.start();
    for (let i = 0; i < 20; i++) await bench.advance(1000);
    for (const member of [ada, bob]) expect(member.told("joined")).toMatchObject([{ resumed: false }]);
    expectMet(ada, bob);
  });
});

describe("a join that is answered with draining", () => {
  test("goes to the server that the answer names", async () => {
    const bench = new Bench();
    const other = bench.addServer(OTHER);
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    const ada = await bench.join();
    expect(urlsOf(ada)).toEqual(["wss://example.org/signal", OTHER]);
    expect(other.stats).toMatchObject({ members: 1 });
  });

  test("is rejected where it names none, and where two name each other", async () => {
    const bench = new Bench();
    bench.hub.goAway(GRACE_SECONDS);
    const refused = await bench.join().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TurnpikeError);
    expect(refused).toMatchObject({ code: "draining", url: undefined });
    bench.addServer(OTHER).goAway(GRACE_SECONDS, "wss://example.org/signal");
    bench.hub.goAway(GRACE_SECONDS, OTHER);
    await expect(bench.join()).rejects.toMatchObject({ code: "draining" });
    expect(bench.clock.pending).toBe(0);
  });
});
