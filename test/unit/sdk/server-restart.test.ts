/** The server is restarted and knows nobody any more: what is connected directly goes on, and its ends find each other again. */

import { describe, expect, test } from "vitest";
import { Bench, type Member } from "./bench.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";
import { expectMet } from "./met.ts";

const GRACE_MS = 2000;
/** After so long every member has tried again, whatever its jitter. */
const BACK_MS = 1000;

function connect(a: Member, b: Member): void {
  FakePeerConnection.connect(a.connectionTo(b), b.connectionTo(a));
}

async function pair(options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const [ada, bob] = [await bench.join({ name: "Ada" }), await bench.join({ name: "Bob" })];
  await bench.advance(1500);
  connect(ada, bob);
  await bench.run();
  return { bench, ada, bob };
}

function theOther(member: Member) {
  const [peer, ...more] = member.call.peers.values();
  expect(more).toEqual([]);
  if (peer === undefined) throw new Error("nobody is there");
  return peer;
}

/** The same connection on both sides, and what is negotiated passes. */
async function expectGoesOn(bench: Bench, a: Member, b: Member): Promise<void> {
  for (const member of [a, b]) {
    expect(member.connections).toHaveLength(1);
    expect(member.told("peer-left")).toEqual([]);
    expect(theOther(member).away).toBe(false);
  }
  for (const member of [a, b]) {
    member.call.addTrack({ kind: "video", id: `of ${member.call.id}` } as MediaStreamTrack);
    await bench.run();
    expectMet(a, b);
  }
  await Promise.all([a.call.post("to all"), b.call.post("to one", theOther(b)), bench.run()]);
  expect(b.told("message").at(-1)).toEqual({ peer: theOther(b), via: "server", data: "to all" });
  expect(a.told("message").at(-1)).toEqual({ peer: theOther(a), via: "server", data: "to one" });
}

describe("a direct call, the server being restarted", () => {
  test.each(["crash", "shutDown"] as const)(
    "by %s: goes on, and the page hears what happened",
    async (how) => {
      const { bench, ada, bob } = await pair();
      const [adasBob, bobsId, adasId] = [theOther(ada), bob.call.id, ada.call.id];
      await bench[how]();
      for (const member of [ada, bob]) expect(member.told("signaling")).toEqual([{ state: "reconnecting" }]);
      expect(ada.call.send("while the server is down")).toBe(1);
      bench.start();
      await bench.advance(BACK_MS);

      for (const member of [ada, bob]) {
        expect(member.told("joined")).toMatchObject([{ resumed: false }]);
        expect(member.told("signaling").at(-1)).toEqual({ state: "connected" });
        expect(member.told("closed")).toEqual([]);
      }
      // The same Peer under the same id for the application, whatever the server calls it now.
      expect(theOther(ada)).toBe(adasBob);
      expect(adasBob.id).toBe(bobsId);
      expect(ada.call.id).not.toBe(adasId);
      expect(ada.told("peer-joined").slice(1)).toEqual([]);
      await expectGoesOn(bench, ada, bob);
    },
  );

  test.each([
    ["Ada", 0],
    ["Bob", 1],
  ] as const)("%s comes back first: exactly one of the two is polite", async (_name, index) => {
    const { bench, ada, bob } = await pair();
    bench.crash();
    bench.start();
    const [early, late] = index === 0 ? [ada, bob] : [bob, ada];
    late.isOffline = true;
    await bench.advance(BACK_MS);
    expect(theOther(early).away).toBe(true);
    expect(early.told("peer-away")).toHaveLength(1);
    late.isOffline = false;
    await bench.advance(2 * BACK_MS);
    expect(early.told("peer-back")).toHaveLength(1);
    expect([theOther(early).polite, theOther(late).polite]).toEqual([false, true]);
    await expectGoesOn(bench, ada, bob);
  });

  test("goes on however long that takes, and is given up when it ends in the meantime", async () => {
    const { bench, ada, bob } = await pair({ resumeSeconds: 600 });
    bench.crash();
    for (let minute = 0; minute < 20; minute++) await bench.advance(60_000);
    for (const { call } of [ada, bob]) expect(call.closed).toBe(false);
    ada.connection.changeState("failed");
    await bench.advance(20_000);
    for (const member of [ada, bob])
      expect(member.told("closed")).toMatchObject([{ reason: "connection-lost" }]);
  });

  test("twice, before the other is back", async () => {
    const { bench, ada, bob } = await pair();
    bob.isOffline = true;
    for (let i = 0; i < 2; i++) {
      bench.crash();
      bench.start();
      await bench.advance(BACK_MS);
      expect(ada.told("joined")).toHaveLength(i + 1);
    }
    bob.isOffline = false;
    bob.wake();
    await bench.run();
    await expectGoesOn(bench, ada, bob);
  });

  test("an offer that was lost with the server is made again", async () => {
    const { bench, ada, bob } = await pair();
    if (ada.socket !== undefined) ada.socket.isDeaf = true;
    ada.call.addTrack({ kind: "audio", id: "lost" } as MediaStreamTrack);
    await bench.run();
    expect(ada.connection.signalingState).toBe("have-local-offer");
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    expectMet(ada, bob);
    await expectGoesOn(bench, ada, bob);
  });

  test("what is negotiated while the other is missing passes when it is back", async () => {
    const { bench, ada, bob } = await pair();
    bob.isOffline = true;
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    ada.call.addTrack({ kind: "audio", id: "early" } as MediaStreamTrack);
    await expect(ada.call.post("nobody hears it", theOther(ada))).rejects.toMatchObject({
      code: "peer-not-found",
    });
    await bench.run();
    bob.isOffline = false;
    bob.wake();
    await bench.run();
    expectMet(ada, bob);
    await expectGoesOn(bench, ada, bob);
  });

  test("requests that the old server had not answered are rejected, and those made since reach the new one", async () => {
    const { bench, ada, bob } = await pair();
    bench.crash();
    const old = expect(ada.call.post("old")).rejects.toMatchObject({ code: "resume-failed" });
    bench.start();
    await bench.advance(BACK_MS);
    await old;
    await expectGoesOn(bench, ada, bob);
  });

  test("a relay-only switch afterwards is a new connection on both sides, to the same peer", async () => {
    const { bench, ada, bob } = await pair();
    const adasBob = theOther(ada);
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    ada.call.setIceTransportPolicy("relay");
    await bench.run();
    expectMet(ada, bob);
    expect(theOther(ada)).toBe(adasBob);
    expect([ada, bob].map(({ connections }) => connections.length)).toEqual([2, 2]);
  });

  test("where only create makes rooms, whoever created it does so again", async () => {
    const bench = new Bench({ createOnJoin: false });
    const ada = await bench.create();
    const bob = await bench.join();
    await bench.advance(1500);
    connect(ada, bob);
    bench.crash();
    bench.start();
    ada.isOffline = true;
    await bench.advance(BACK_MS);
    ada.isOffline = false;
    for (let i = 0; i < 5; i++) await bench.advance(BACK_MS);
    await expectGoesOn(bench, ada, bob);
  });
});

test("where only create makes rooms, and whoever created it does not come back, the others are told so", async () => {
  const bench = new Bench({ createOnJoin: false });
  const ada = await bench.create();
  const bob = await bench.join();
  ada.isOffline = true;
  bench.crash();
  bench.start();
  for (let second = 0; second < 29; second++) await bench.advance(1000);
  expect(bob.told("closed")).toEqual([]);
  for (let second = 0; second < 20; second++) await bench.advance(1000);
  expect(bob.told("closed")).toMatchObject([{ reason: "refused", error: { code: "room-not-found" } }]);
});

describe("a connection that did not outlive the restart", () => {
  test("because it never came about: both meet anew", async () => {
    const bench = new Bench();
    const [ada, bob] = [await bench.join(), await bench.join()];
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    await bench.advance(1500);
    for (const member of [ada, bob]) expect(member.told("peer-left")).toMatchObject([{ reason: "replaced" }]);
    expectMet(ada, bob);
  });

  test("because its path went with the server, which nobody has noticed yet: both meet anew after a moment", async () => {
    const { bench, ada, bob } = await pair();
    for (const member of [ada, bob]) member.connection.losePath();
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    for (const member of [ada, bob]) expect(member.connections).toHaveLength(1);
    await bench.advance(GRACE_MS);
    await bench.advance(1500);
    for (const member of [ada, bob]) {
      expect(member.told("peer-left")).toMatchObject([{ reason: "replaced" }]);
      expect(member.told("peer-joined")).toHaveLength(member === ada ? 2 : 1);
    }
    expectMet(ada, bob);
  });

  test("because the other one hung up meanwhile: it has left", async () => {
    const { bench, ada, bob } = await pair();
    bench.crash();
    await Promise.all([bob.call.leave(), bench.clock.advance(1000)]);
    bench.start();
    await bench.advance(BACK_MS);
    expect(ada.told("peer-left")).toMatchObject([{ reason: "replaced" }]);
    expect(ada.call.peers.size).toBe(0);
  });

  test("or ends before the other one is back: it has left", async () => {
    const { bench, ada, bob } = await pair();
    bob.isOffline = true;
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    bob.connection.close();
    await bench.run();
    expect(ada.told("peer-left")).toMatchObject([{ reason: "timeout" }]);
    const third = await bench.join();
    await bench.advance(1500);
    expectMet(ada, third);
  });

  test("fails while the other one is missing: it has left", async () => {
    const { bench, ada, bob } = await pair();
    bob.isOffline = true;
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    ada.connection.changeState("failed");
    await bench.run();
    expect(ada.told("peer-left")).toMatchObject([{ reason: "timeout" }]);
    expect(ada.call.peers.size).toBe(0);
  });
});

describe("the seat of one of them times out, and their connection does not", () => {
  const SEAT_MS = 16_000;

  test("they go on, and meet again when the server is reached again", async () => {
    const { bench, ada, bob } = await pair();
    ada.isOffline = true;
    ada.socket?.drop();
    await bench.run();
    for (let ms = 0; ms < SEAT_MS; ms += 1000) await bench.advance(1000);
    expect(bench.hub.stats.members).toBe(1);
    expect(theOther(bob).away).toBe(true);
    expect(bob.told("peer-left")).toEqual([]);
    ada.isOffline = false;
    ada.wake();
    await bench.run();
    expect(ada.told("joined")).toMatchObject([{ resumed: false }]);
    await expectGoesOn(bench, ada, bob);
  });

  test("but when the connection ends too, the one who is gone has left", async () => {
    const { bench, ada, bob } = await pair();
    ada.isOffline = true;
    ada.socket?.drop();
    await bench.run();
    for (let ms = 0; ms < SEAT_MS; ms += 1000) await bench.advance(1000);
    bob.connection.changeState("failed");
    await bench.run();
    expect(bob.told("peer-left")).toMatchObject([{ reason: "timeout" }]);
    expect(bob.call.peers.size).toBe(0);
  });

  test("a member who is taken out is gone at once", async () => {
    const { bench, bob } = await pair();
    const [id = ""] = bob.call.peers.keys();
    bench.hub.kick("room", id, "be nice");
    await bench.run();
    expect(bob.told("peer-left")).toMatchObject([{ reason: "kicked" }]);
    expect(bob.connection.connectionState).toBe("closed");
  });
});

describe("whoever comes in the meantime", () => {
  test("is a stranger when its offer says so, and takes the place in a room of two", async () => {
    const { bench, ada, bob } = await pair();
    bob.isOffline = true;
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    const cleo = await bench.join({ name: "Cleo" });
    expect(ada.told("peer-joined").map(({ peer }) => peer.name)).toEqual(["Bob"]);
    const posted = cleo.call.post("hello");
    await bench.run();
    await bench.advance(1500);
    await posted;
    expect(theOther(ada).name).toBe("Cleo");
    expect(ada.told("peer-left")).toMatchObject([{ reason: "replaced" }]);
    expect(ada.told("message").map(({ peer, data }) => [peer.name, data])).toEqual([["Cleo", "hello"]]);
    expectMet(ada, cleo);
  });

  test("is held back no longer than it is there", async () => {
    const { bench, ada, bob } = await pair({ clearOnLeave: false });
    bob.isOffline = true;
    bench.crash();
    bench.start();
    await bench.advance(BACK_MS);
    const cleo = await bench.join({ name: "Cleo" });
    await Promise.all([cleo.call.leave(), bench.run()]);
    await bench.advance(GRACE_MS);
    expect(theOther(ada).name).toBe("Bob");
    bob.isOffline = false;
    bob.wake();
    await bench.run();
    await expectGoesOn(bench, ada, bob);
  });
});

describe("a room of three", () => {
  async function three() {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const members = [
      await bench.join({ name: "Ada" }),
      await bench.join({ name: "Bob" }),
      await bench.join({ name: "Cleo" }),
    ] as const;
    await bench.advance(1500);
    const [ada, bob, cleo] = members;
    connect(ada, bob);
    connect(ada, cleo);
    connect(bob, cleo);
    await bench.run();
    return { bench, ada, bob, cleo };
  }

  test("finds itself again, everybody in the place that it had", async () => {
    const { bench, ada, bob, cleo } = await three();
    const all = [ada, bob, cleo];
    const before = all.map(({ call }) => [...call.peers.values()]);
    bench.crash();
    bench.start();
    // In another order than they came in.
    for (const member of all) member.isOffline = true;
    for (const member of [cleo, ada, bob]) {
      await bench.advance(BACK_MS);
      member.isOffline = false;
      member.wake();
      await bench.run();
    }
    expect(all.map(({ call }) => [...call.peers.values()])).toEqual(before);
    for (const { call, connections } of all) {
      expect([...call.peers.values()].map(({ away }) => away)).toEqual([false, false]);
      expect(connections).toHaveLength(2);
    }
    const bobToAda = [...bob.call.peers.values()].find(({ name }) => name === "Ada");
    await Promise.all([bob.call.post("for Ada", bobToAda), bench.run()]);
    expect(ada.told("message")).toMatchObject([{ data: "for Ada" }]);
    expect(cleo.told("message")).toEqual([]);
  });

  test("a member who says to be another is believed no longer than until that one is heard", async () => {
    const { bench, ada, bob, cleo } = await three();
    bench.crash();
    bench.start();
    bob.isOffline = true;
    cleo.isOffline = true;
    await bench.advance(BACK_MS);
    cleo.isOffline = false;
    cleo.connectionTo(ada).introductions.leadTo(undefined);
    cleo.wake();
    await bench.run();
    // Bob's browser lies: that it has the id that is Cleo's.
    bob.connectionTo(ada).introductions.send(JSON.stringify({ id: cleo.call.id }));
    await bench.run();
    expect(ada.told("peer-back")).toHaveLength(1);
    cleo.call.addTrack({ kind: "audio", id: "voice" } as MediaStreamTrack);
    await bench.run();
    const present = [...ada.call.peers.values()].filter(({ away }) => !away);
    expect(present.map(({ name }) => name)).toEqual(["Cleo"]);
    expect(ada.connection.remoteDescription?.sdp).toBe(cleo.connection.localDescription?.sdp);
    expect(ada.told("error")).toEqual([]);
  });
});
