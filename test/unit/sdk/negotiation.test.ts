import { describe, expect, test, vi } from "vitest";
import type { Environment } from "../../../src/sdk/environment.ts";
import { Negotiation } from "../../../src/sdk/negotiation.ts";
import { Bench, Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";

async function pair(): Promise<{ bench: Bench; first: Member; second: Member }> {
  const bench = new Bench();
  const first = await bench.join({ name: "Ada" });
  const second = await bench.join({ name: "Grace" });
  return { bench, first, second };
}

/** A reading aid: what a member's only RTCPeerConnection went through. */
function history(member: Member): string[] {
  return member.connection.log.filter((entry) => !entry.startsWith("channel"));
}

const TRACK = { kind: "video", id: "track" } as MediaStreamTrack;

describe("when two members meet", () => {
  test("the impolite side makes the first offer and the polite side answers it: no collision", async () => {
    const { first, second } = await pair();
    expect([...first.call.peers.values()].map(({ name, polite }) => [name, polite])).toEqual([
      ["Grace", false],
    ]);
    expect([...second.call.peers.values()].map(({ name, polite }) => [name, polite])).toEqual([
      ["Ada", true],
    ]);
    expect(history(first)).toEqual(["local offer", "remote answer"]);
    expect(history(second)).toEqual(["remote offer", "local answer"]);
    expect(first.connection.signalingState).toBe("stable");
  });

  test("what the polite side adds before the first offer arrives is in its answer", async () => {
    const bench = new Bench();
    const first = await bench.join();
    const stream = { getTracks: () => [TRACK] } as unknown as MediaStream;
    const second = await bench.join({ stream });
    expect(second.connection.senders.map(({ track }) => track)).toEqual([TRACK]);
    expect(history(second)).toEqual(["remote offer", "local answer"]);
    expect(history(first)).toEqual(["local offer", "remote answer"]);
  });

  test("the polite side offers by itself when no offer comes", async () => {
    const bench = new Bench();
    const first = await bench.join();
    // The first member's socket is gone before it hears of the second.
    first.socket?.drop();
    const second = await bench.join();
    expect(history(second)).toEqual([]);
    await bench.clock.advance(1500);
    expect(history(second)).toEqual(["local offer"]);
  });

  test("both sides make the data channel with the same id, so none is announced", async () => {
    const { first, second } = await pair();
    expect(first.connection.log[0]).toBe("channel turnpike true 0");
    expect(second.connection.log[0]).toBe("channel turnpike true 0");
  });

  test("the server's iceServers go into the RTCPeerConnection", async () => {
    const { second } = await pair();
    expect(second.connection.configuration).toEqual({
      iceServers: [{ urls: ["turn:example.org"], username: "user 2", credential: "secret" }],
      iceTransportPolicy: "all",
    });
  });
});

describe("when both sides offer at the same moment", () => {
  async function collide() {
    const parts = await pair();
    const { bench, first, second } = parts;
    first.call.addTrack(TRACK);
    second.call.addTrack({ ...TRACK, id: "other" });
    await settle();
    expect(first.connection.signalingState).toBe("have-local-offer");
    expect(second.connection.signalingState).toBe("have-local-offer");
    await bench.run();
    return parts;
  }

  test("the impolite side ignores the offer, the polite side rolls back and answers", async () => {
    const { first, second } = await collide();
    expect(history(first).slice(2, 4)).toEqual(["local offer", "remote answer"]);
    expect(history(second).slice(2, 6)).toEqual(["local offer", "rollback", "remote offer", "local answer"]);
    expect(first.connection.signalingState).toBe("stable");
    expect(second.connection.signalingState).toBe("stable");
    expect([...first.told("error"), ...second.told("error")]).toEqual([]);
  });

  test("candidates of an ignored offer may fail without a word", async () => {
    const { bench, first, second } = await pair();
    first.call.addTrack(TRACK);
    second.call.addTrack({ ...TRACK, id: "other" });
    await settle();
    second.connection.findCandidate({ candidate: "of the ignored offer" });
    first.connection.failing = "addIceCandidate";
    await bench.run();
    expect(first.connection.failing).toBeUndefined();
    expect(first.told("error")).toEqual([]);
  });

  test("a candidate of an offer that was taken must not fail", async () => {
    const { bench, first, second } = await pair();
    first.connection.failing = "addIceCandidate";
    second.connection.findCandidate({ candidate: "broken" });
    await bench.run();
    expect(first.told("error")).toMatchObject([
      { code: "negotiation-failed", message: "a candidate of the other side: Error: addIceCandidate failed" },
    ]);
    second.connection.findCandidate({ candidate: "good" });
    await bench.run();
    expect(first.connection.candidates).toEqual([{ candidate: "good" }]);
  });
});

describe("answers", () => {
  test.each([
    ["the second one to an offer that was repeated is nobody's", ["answer", "answer"]],
    ["a provisional one is followed by the final one, which counts", ["pranswer", "answer", "answer"]],
  ] as const)("%s", async (_claim, types) => {
    const connection = new FakePeerConnection({});
    const environment = new Member(new Bench()).environment() as Environment;
    const observer = { sendDescription: vi.fn(), failed: vi.fn() };
    const negotiation = new Negotiation(
      connection as unknown as RTCPeerConnection,
      false,
      environment,
      observer,
    );
    connection.addTrack(TRACK);
    await settle();
    const taken = types.map((type) => negotiation.receiveDescription({ type, sdp: "v=0" }));
    expect(taken).toEqual(types.map((_type, i) => i < types.length - 1));
    await settle();
    expect(connection.signalingState).toBe("stable");

    connection.addTrack(TRACK);
    await settle();
    expect(negotiation.receiveDescription({ type: "answer", sdp: "v=0" })).toBe(true);
    await settle();
    expect(connection.signalingState).toBe("stable");
    expect(observer.sendDescription).toHaveBeenCalledTimes(2);
    expect(observer.failed).not.toHaveBeenCalled();
  });
});

describe("candidates", () => {
  test("trickle to the other side, and null says that there are no more", async () => {
    const { bench, first, second } = await pair();
    const candidate = {
      candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host",
      sdpMid: "0",
      sdpMLineIndex: 0,
    };
    first.connection.findCandidate(candidate);
    first.connection.findCandidate(null);
    await bench.run();
    expect(second.connection.candidates).toEqual([candidate, undefined]);
    expect(first.sent("candidate").map((message) => message.candidate)).toEqual([candidate, null]);
  });

  test("that come before any description are for another connection and are left out", async () => {
    const bench = new Bench();
    const first = await bench.join();
    const second = await bench.join();
    await bench.run();
    const [peer] = first.call.peers.keys();
    second.socket?.inject({ type: "peer-joined", seq: 90, peer: "new", polite: true });
    second.socket?.inject({ type: "candidate", seq: 91, from: "new", candidate: { candidate: "stale" } });
    await settle();
    expect(second.connection.candidates).toEqual([]);
    expect(second.told("error")).toEqual([]);
    expect(peer).toBe(second.call.id);
  });
});

describe("a description that the browser refuses", () => {
  test("is told as an error, and the next one works", async () => {
    const { bench, first, second } = await pair();
    second.connection.failing = "setRemoteDescription";
    first.call.addTrack(TRACK);
    await bench.run();
    expect(second.told("error")).toMatchObject([{ code: "negotiation-failed" }]);
    expect(second.connection.signalingState).toBe("stable");
    second.call.restartIce();
    await bench.run();
    expect(first.connection.signalingState).toBe("have-local-offer");
  });

  test("our own offer likewise", async () => {
    const { bench, first } = await pair();
    first.connection.failing = "setLocalDescription";
    first.call.addTrack(TRACK);
    await bench.run();
    expect(first.told("error")).toMatchObject([
      { code: "negotiation-failed", message: "our own offer: Error: setLocalDescription failed" },
    ]);
    first.call.restartIce();
    await bench.run();
    expect(first.connection.signalingState).toBe("stable");
  });
});

describe("a configuration that the browser refuses", () => {
  const refusing = {
    createPeerConnection: () => {
      throw new SyntaxError("no ICE server URL");
    },
  };

  test("rejects the join when somebody is there, whose call goes on", async () => {
    const bench = new Bench();
    const first = await bench.join();
    const joining = bench.join({}, "room", refusing);
    await expect(joining).rejects.toMatchObject({ code: "negotiation-failed" });
    await bench.run();
    expect(bench.hub.stats.connections).toBe(1);
    await bench.advance(16_000);
    expect(first.told("closed")).toEqual([]);
    await expect(bench.join()).resolves.toBeDefined();
  });

  test("is an error when somebody comes, who is left out; words through the server still go", async () => {
    const bench = new Bench();
    const first = await bench.join({}, "room", refusing);
    const second = await bench.join();
    expect(first.told("error")).toMatchObject([{ code: "negotiation-failed" }]);
    expect(first.call.peers.size).toBe(0);
    await Promise.all([first.call.post("hello"), bench.run()]);
    expect(second.told("message")).toMatchObject([{ data: "hello" }]);
  });
});

describe("a member whose page was loaded again and took its seat back", () => {
  async function reload() {
    const parts = await pair();
    const { bench, first, second } = parts;
    const resume = second.call.resumption;
    if (resume === undefined) throw new Error("no resumption");
    // Nobody is left on the old page who could hear of it.
    second.socket?.close();
    const connectionsBefore = first.connection;
    const reloaded = await bench.join({ resume });
    return { ...parts, reloaded, before: connectionsBefore, first };
  }

  test("keeps its id, and meets the other side with new connections on both", async () => {
    const { bench, first, second, reloaded, before } = await reload();
    await bench.advance(1500);
    expect(reloaded.call.id).toBe(second.call.id);
    expect(first.connections).toHaveLength(2);
    expect(before.connectionState).toBe("closed");
    expect(first.connection.signalingState).toBe("stable");
    expect(reloaded.connection.signalingState).toBe("stable");
    expect(first.connection.remoteDescription?.sdp).toContain(
      `fingerprint:sha-256 ${reloaded.connection.id}`,
    );
    expect(reloaded.connection.remoteDescription?.sdp).toContain(
      `fingerprint:sha-256 ${first.connection.id}`,
    );
    expect(first.told("error")).toEqual([]);
  });

  test("settles as well when the other side restarts ICE at that moment", async () => {
    const { bench, first, reloaded } = await reload();
    first.call.restartIce();
    await bench.advance(1500);
    await bench.advance(1500);
    expect(first.connection.signalingState).toBe("stable");
    expect(reloaded.connection.signalingState).toBe("stable");
    expect(first.connection.remoteDescription?.sdp).toContain(
      `fingerprint:sha-256 ${reloaded.connection.id}`,
    );
    expect(reloaded.connection.remoteDescription?.sdp).toContain(
      `fingerprint:sha-256 ${first.connection.id}`,
    );
    expect(first.connections.length).toBeLessThanOrEqual(3);
    expect([...first.told("error"), ...reloaded.told("error")]).toEqual([]);
  });
});
