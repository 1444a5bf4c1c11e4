import { afterEach, describe, expect, test, vi } from "vitest";
import { Backoff } from "../../../src/sdk/backoff.ts";
import { joinRoom } from "../../../src/sdk/client.ts";
import { Emitter } from "../../../src/sdk/emitter.ts";
import { resolveUrl } from "../../../src/sdk/options.ts";
import { Pacer } from "../../../src/sdk/pacer.ts";
import { readPath } from "../../../src/sdk/path.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the signaling URL", () => {
  test.each([
    [undefined, "https://call.example/room?x=1#y", "wss://call.example/signal"],
    [undefined, "http://localhost:8080/", "ws://localhost:8080/signal"],
    ["https://other.example", "https://call.example/", "wss://other.example/signal"],
    [
      "wss://other.example:444/deep/signal?node=2",
      "https://call.example/",
      "wss://other.example:444/deep/signal?node=2",
    ],
    ["/behind/proxy", "https://call.example/page", "wss://call.example/behind/proxy"],
    ["http://10.0.0.1:8080/", undefined, "ws://10.0.0.1:8080/signal"],
  ])("%s on %s is %s", (url, page, expected) => {
    expect(resolveUrl(url, page)).toBe(expected);
  });

  test.each([
    [undefined, undefined, "outside of a page `url` is needed"],
    ["no url", undefined, '"no url" is no URL'],
    ["ftp://example.org", undefined, "the URL must begin with https, http, wss or ws, not ftp:"],
  ])("%s on %s is refused", (url, page, message) => {
    expect(() => resolveUrl(url, page)).toThrow(expect.objectContaining({ code: "bad-url", message }));
  });
});

describe("without a browser", () => {
  test("the module loads, and joining says what is missing", async () => {
    vi.stubGlobal("WebSocket", undefined);
    Reflect.deleteProperty(globalThis, "WebSocket");
    await expect(joinRoom("room", { url: "https://example.org" })).rejects.toMatchObject({
      code: "unsupported",
      message: "there is no WebSocket here",
    });
  });
});

describe("backoff", () => {
  test("doubles its ceiling up to a bound, takes any part of it, and starts anew", () => {
    const ceilings = new Backoff({ firstMs: 100, maxMs: 1000 }, () => 1);
    expect([1, 2, 3, 4, 5, 6].map(() => ceilings.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
    ceilings.reset();
    expect(ceilings.next()).toBe(100);
    expect(new Backoff({ firstMs: 100, maxMs: 1000 }, () => 0.25).next()).toBe(25);
  });
});

describe("the pacer", () => {
  test("lets a burst go, then one at a time as the seconds pass", () => {
    const pacer = new Pacer(10, 0);
    expect(Array.from({ length: 11 }, () => pacer.take(0)).filter((wait) => wait === 0)).toHaveLength(10);
    expect(pacer.take(0)).toBe(100);
    expect(pacer.take(100)).toBe(0);
    expect(pacer.take(100)).toBe(100);
    expect(pacer.take(100_000)).toBe(0);
  });
});

describe("the emitter", () => {
  test("calls every listener, and hands what one throws to reportError", () => {
    const reported: unknown[] = [];
    vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
    const emitter = new Emitter<{ word: string }>();
    const heard: string[] = [];
    const bug = new Error("bug");
    emitter.on("word", () => {
      throw bug;
    });
    const listener = (word: string) => heard.push(word);
    const stop = emitter.on("word", listener);
    emitter.on("word", listener);
    emitter.emit("word", "a");
    stop();
    emitter.emit("word", "b");
    emitter.clear();
    emitter.emit("word", "c");
    expect(heard).toEqual(["a", "a", "b"]);
    expect(reported).toEqual([bug, bug]);
  });
});

describe("the path in words", () => {
  interface Candidate {
    readonly candidateType: string;
    readonly protocol?: string;
    readonly relayProtocol?: string;
    readonly url?: string;
    readonly address?: string | null;
  }

  function report(local: Candidate, remote: Candidate, pair: object = {}): RTCStatsReport {
    return new Map<string, object>([
      ["T", { id: "T", type: "transport", selectedCandidatePairId: "P" }],
      ["P", { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R", ...pair }],
      ["L", { id: "L", type: "local-candidate", protocol: "udp", ...local }],
      ["R", { id: "R", type: "remote-candidate", protocol: "udp", ...remote }],
    ]) as unknown as RTCStatsReport;
  }

  const lan = { candidateType: "host", address: "192.168.0.7" };
  const mdns = { candidateType: "host", address: "6f1.local" };
  const open = { candidateType: "host", address: "2001:db8::1" };
  const relay = {
    candidateType: "relay",
    relayProtocol: "udp",
    url: "turn:t.example:3478?transport=udp",
    address: "198.51.100.1",
  };

  test.each([
    ["two machines on one network", lan, mdns, "Direct on the local network"],
    [
      "addresses that the browser hides",
      { candidateType: "host" },
      { candidateType: "host", address: null },
      "Direct on the local network",
    ],
    [
      "the same machine",
      { candidateType: "host", address: "::1" },
      { candidateType: "host", address: "127.0.0.1" },
      "Direct on the local network",
    ],
    ["public addresses", open, open, "Direct"],
    ["TCP", { ...lan, protocol: "tcp" }, lan, "Direct on the local network over TCP"],
    ["a NAT on one side", lan, { candidateType: "srflx" }, "Direct through STUN"],
    ["a NAT that STUN did not see", { candidateType: "prflx" }, lan, "Direct through STUN"],
    ["our relay", relay, lan, "Relayed over UDP through turn:t.example:3478"],
    [
      "our relay over TLS",
      { ...relay, relayProtocol: "tls", url: "turns:t.example:443?transport=tcp" },
      relay,
      "Relayed over TLS through turns:t.example:443",
    ],
    ["a browser that does not tell more", { candidateType: "relay" }, lan, "Relayed"],
    [
      "a relay protocol but no URL",
      { candidateType: "relay", relayProtocol: "tcp" },
      lan,
      "Relayed over TCP",
    ],
    ["the other side's relay", lan, { candidateType: "relay" }, "Relayed through the other side's relay"],
  ])("%s", (_name, local, remote, sentence) => {
    const path = readPath(report(local, remote, { currentRoundTripTime: 0.00349 }));
    expect(path).toMatchObject({ sentence, roundTripTimeMs: 3.5, relayed: sentence.startsWith("Relayed") });
  });

  const heardFirst = { candidateType: "prflx", address: "203.0.113.5", port: 50_000 };
  const candidateLine = (place: string, type: string) =>
    `a=candidate:1 1 udp 41885439 ${place} typ ${type} generation 0\r\n`;

  test.each([
    ["that of its signalled candidate", candidateLine("203.0.113.5 50000", "relay"), "relay"],
    ["that, without anything behind it", "a=candidate:1 1 UDP 41885439 203.0.113.5 50000 typ srflx", "srflx"],
    ["prflx, with another port signalled", candidateLine("203.0.113.5 5000", "relay"), "prflx"],
    ["prflx, with another address signalled", candidateLine("103.0.113.5 50000", "relay"), "prflx"],
    ["prflx, with nothing signalled", "v=0\r\na=ice-ufrag:candidate\r\n", "prflx"],
  ])("where the other side was heard before its candidate, its type is %s", (_name, sdp, type) => {
    expect(readPath(report(lan, heardFirst), sdp)).toMatchObject({ remote: type, relayed: type === "relay" });
  });

  test("is unknown while no pair is selected", () => {
    expect(readPath(new Map() as unknown as RTCStatsReport)).toBeUndefined();
    const dangling = new Map([["T", { id: "T", type: "transport", selectedCandidatePairId: "gone" }]]);
    expect(readPath(dangling as unknown as RTCStatsReport)).toBeUndefined();
  });

  test("in a browser whose transport names no pair it is the nominated one that succeeded and carried most", () => {
    const candidates = ["A", "B", "C", "D"].map((id) => ({
      id,
      type: "candidate-pair",
      nominated: id !== "D",
      state: id === "A" ? "failed" : "succeeded",
      bytesReceived: { A: 9000, B: 10, C: 500, D: 9000 }[id],
      localCandidateId: `L${id}`,
      remoteCandidateId: "R",
    }));
    const locals = ["A", "B", "C", "D"].map((id) => ({
      id: `L${id}`,
      type: "local-candidate",
      candidateType: id === "C" ? "relay" : "host",
    }));
    const stats = [...candidates, ...locals, { id: "R", type: "remote-candidate", candidateType: "srflx" }];
    const path = readPath(new Map(stats.map((stat) => [stat.id, stat])) as unknown as RTCStatsReport);
    expect(path).toMatchObject({ local: "relay", remote: "srflx", roundTripTimeMs: undefined });
  });
});
