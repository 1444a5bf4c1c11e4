import { describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";

const OFFER = { type: "offer", sdp: "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n" };
const CANDIDATE = {
  candidate: "candidate:1 1 udp 2122260223 192.0.2.7 54321 typ host",
  sdpMid: "0",
  sdpMLineIndex: 0,
  usernameFragment: "abcd",
};

describe("in a room of two", () => {
  test.each([
    ["an offer", { type: "offer", description: OFFER }],
    ["an answer", { type: "answer", description: { type: "answer", sdp: "v=0\r\n" } }],
    ["a provisional answer", { type: "answer", description: { type: "pranswer", sdp: "v=0\r\n" } }],
    ["a rollback", { type: "offer", description: { type: "rollback" } }],
    ["a candidate", { type: "candidate", candidate: CANDIDATE }],
    [
      "an end-of-candidates",
      { type: "candidate", candidate: { candidate: "", sdpMid: "0", sdpMLineIndex: null } },
    ],
    ["the end of all candidates", { type: "candidate", candidate: null }],
    ["an object", { type: "message", data: { chat: "hi", list: [1, null, "x"] } }],
    ["null", { type: "message", data: null }],
    ["text that JSON must escape", { type: "message", data: '"\\\u2028\ud83d\ude00\u0000' }],
    ["half a surrogate pair", { type: "message", data: "\ud83d" }],
  ])("%s arrives at the other as it was sent, with `from`, and the sender gets ok", (_name, message) => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    expect(alice.ask(message)).toMatchObject({ type: "ok", ref: 2 });
    expect(bob.news()).toEqual([{ ...message, from: aliceId }]);
    expect(alice.news()).toEqual([{ type: "ok", ref: 2 }]);
  });

  test("the frame is the message with from and seq, and nothing else of the sender's", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    alice.ask({ type: "message", data: { a: 1 } });
    expect(bob.link.frames.at(-1)).toBe(`{"type":"message","from":"${aliceId}","data":{"a":1},"seq":2}`);
  });

  test("`to` may name the other", () => {
    const bench = new Bench();
    const { alice, bob, bobId } = bench.pair();
    expect(alice.ask({ type: "offer", to: bobId, description: OFFER })).toMatchObject({ type: "ok" });
    expect(bob.news()).toMatchObject([{ type: "offer", description: OFFER }]);
  });

  test("nobody else there: peer-not-found, and once somebody is, it works", () => {
    const bench = new Bench();
    const alice = bench.client();
    alice.join();
    expect(alice.ask({ type: "offer", description: OFFER })).toMatchObject({ code: "peer-not-found" });
    bench.client().join();
    expect(alice.ask({ type: "offer", description: OFFER })).toMatchObject({ type: "ok" });
  });

  test("to oneself, to a stranger, to a key of every object: peer-not-found, and nobody hears it", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    for (const to of [aliceId, "nobody", "__proto__", "constructor"]) {
      expect(alice.ask({ type: "message", to, data: 1 })).toMatchObject({ code: "peer-not-found" });
    }
    expect(bob.news()).toEqual([]);
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ type: "ok" });
  });

  test("fields of a candidate that the standard does not know are left out", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    alice.ask({ type: "candidate", candidate: { ...CANDIDATE, foundation: "1", relayProtocol: "udp" } });
    expect(bob.news()).toMatchObject([{ candidate: CANDIDATE }]);
    expect(bob.link.frames.at(-1)).not.toContain("relayProtocol");
  });

  test("the observers hear the type and the bytes, not the words", () => {
    const bench = new Bench();
    const { alice } = bench.pair();
    alice.ask({ type: "message", data: "é" });
    const [, type, bytes] = bench.events.at(-1) ?? [];
    expect(type).toBe("message");
    expect(bytes).toBe(Buffer.byteLength('{"ref":2,"type":"message","data":"é"}'));
  });
});

describe("in a larger room", () => {
  function three() {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const clients = [bench.client(), bench.client(), bench.client()] as const;
    const ids = clients.map((client) => client.join().peer);
    for (const client of clients) client.news();
    return { bench, clients, ids };
  }

  test("a message without `to` goes to all others, each with its own seq", () => {
    const { clients, ids } = three();
    clients[0].ask({ type: "message", data: "all" });
    for (const other of [clients[1], clients[2]]) {
      expect(other.news()).toEqual([{ type: "message", from: ids[0], data: "all" }]);
    }
    const seqs = clients.map(({ link }) => link.received.map(({ seq }) => seq));
    for (const list of seqs) expect(list).toEqual(list.map((_, index) => index + 1));
  });

  test("a message with `to` goes to that member alone", () => {
    const { clients, ids } = three();
    clients[0].ask({ type: "message", to: ids[2], data: "psst" });
    expect(clients[1].news()).toEqual([]);
    expect(clients[2].news()).toHaveLength(1);
  });

  test("an offer needs `to`, even while only two are there", () => {
    const bench = new Bench({ roomSize: 3, clearOnLeave: false });
    const { alice, bob, bobId } = bench.pair();
    expect(alice.ask({ type: "offer", description: OFFER })).toMatchObject({
      code: "bad-message",
      message: expect.stringContaining("to"),
    });
    expect(bob.news()).toEqual([]);
    expect(alice.ask({ type: "offer", to: bobId, description: OFFER })).toMatchObject({ type: "ok" });
  });

  test("a message to all of nobody is no error", () => {
    const bench = new Bench();
    const alice = bench.client();
    alice.join();
    expect(alice.ask({ type: "message", data: 1 })).toMatchObject({ type: "ok" });
  });
});

describe("without a room", () => {
  test.each([
    { type: "offer", description: OFFER },
    { type: "candidate", candidate: null },
    { type: "message", data: 1 },
    { type: "leave" },
    { type: "ice" },
    { type: "report", report: { to: "x", state: "failed" } },
  ])("$type is not-joined, and a join after it works", (message) => {
    const client = new Bench().client();
    expect(client.ask(message)).toMatchObject({ type: "error", code: "not-joined" });
    expect(client.join().created).toBe(true);
  });
});

describe("report", () => {
  test("is answered with ok and goes to the observers, not to the other member", () => {
    const bench = new Bench();
    const { alice, bob, aliceId, bobId } = bench.pair();
    const report = {
      to: bobId,
      state: "connected",
      localCandidateType: "relay",
      remoteCandidateType: "prflx",
      relayProtocol: "udp",
      roundTripTimeMs: 41.5,
      errors: [{ code: 701, url: "turn:call.example:3478", text: "TURN allocate request timed out." }],
    };
    expect(alice.ask({ type: "report", report })).toMatchObject({ type: "ok" });
    expect(bob.news()).toEqual([]);
    expect(bench.events.at(-1)).toEqual([
      "callReported",
      { peer: aliceId, roomKey: expect.any(String) },
      report,
    ]);
  });
});

describe("nesting", () => {
  test("data nested deeper than can be written is refused, the next message passes", () => {
    const bench = new Bench({ maxMessageBytes: 1_000_000 });
    const { alice, bob } = bench.pair();
    const depth = 400_000;
    alice.connection.receiveText(
      `{"type":"message","ref":2,"data":${"[".repeat(depth)}${"]".repeat(depth)}}`,
    );
    const [answer] = alice.news();
    const heard = bob.news();
    // Which of the two depends on the engine; that it is one of them does not.
    if (answer?.type === "ok") expect(heard).toHaveLength(1);
    else expect([answer, heard]).toMatchObject([{ type: "error", ref: 2, code: "bad-message" }, []]);
    alice.connection.receiveText('{"type":"message","ref":3,"data":[[1]]}');
    expect(bob.news()).toMatchObject([{ type: "message", data: [[1]] }]);
  });
});

describe("the ICE that is signalled", () => {
  const password = "asd88fgpdd777uzjYhagZg";
  const description = { type: "offer", sdp: `v=0\r\na=ice-pwd:${password}\r\na=${CANDIDATE.candidate}\r\n` };

  test("is told before the other member hears of it, with who says it to whom", () => {
    const told: unknown[][] = [];
    const heard: number[] = [];
    const bench = new Bench(
      {},
      {
        iceSignalled: (...details) => {
          told.push(details);
          heard.push(bob.news().length);
        },
      },
    );
    const { alice, bob, aliceId, bobId } = bench.pair();
    alice.ask({ type: "offer", description });
    expect([told[0], heard]).toEqual([
      [
        expect.objectContaining({ peer: aliceId }),
        bobId,
        { addresses: ["192.0.2.7"], icePasswords: [password] },
      ],
      [0],
    ]);
    alice.ask({ type: "candidate", candidate: CANDIDATE });
    expect(told[1]?.[2]).toEqual({ addresses: ["192.0.2.7"], icePasswords: [] });
    expect([heard, bob.news().length]).toEqual([[0, 1], 1]);
  });

  test("is not looked for in the application's own messages, nor told where there is none", () => {
    const told: unknown[] = [];
    const bench = new Bench({}, { iceSignalled: (...details) => told.push(details) });
    const { alice, bob } = bench.pair();
    alice.ask({ type: "message", data: description });
    alice.ask({ type: "offer", description: { type: "rollback" } });
    alice.ask({ type: "candidate", candidate: null });
    alice.ask({ type: "candidate", candidate: {} });
    alice.ask({ type: "offer", description: OFFER });
    expect([told, bob.news().length]).toEqual([[], 5]);
  });

  test("reaches the other member though whoever is told of it fails", () => {
    const bench = new Bench(
      {},
      {
        iceSignalled: () => {
          throw new Error("a defect");
        },
      },
    );
    const { alice, bob } = bench.pair();
    expect(alice.ask({ type: "offer", description })).toMatchObject({ type: "ok" });
    expect(bob.news()).toMatchObject([{ type: "offer", description }]);
    expect(bench.told("failed")).toHaveLength(1);
  });
});

describe("how urgent it is", () => {
  test("what others wait for leaves now, the sender's ok soon, an error now", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    const before = { alice: alice.link.urgencies.length, bob: bob.link.urgencies.length };
    alice.ask({ type: "message", data: 1 });
    alice.ask({ type: "message", to: "nobody", data: 1 });
    expect(bob.link.urgencies.slice(before.bob)).toEqual(["now"]);
    expect(alice.link.urgencies.slice(before.alice)).toEqual(["soon", "now"]);
  });
});
