import { describe, expect, test } from "vitest";
import { Bench, type Client } from "./bench.ts";

/** The frame is answered with this error, the seat is unharmed, and a valid message after it passes. */
function expectRefusal(text: string, expected: Record<string, unknown>): void {
  const bench = new Bench();
  const { alice, bob } = bench.pair();
  alice.connection.receiveText(text);
  expect(alice.news()).toEqual([{ type: "error", message: expect.any(String), ...expected }]);
  expect(bob.news()).toEqual([]);
  alice.connection.receiveText('{"type":"message","ref":1000,"data":"still here"}');
  expect(bob.news()).toMatchObject([{ data: "still here" }]);
  expect(bench.told("requestFailed")).toEqual([expected.code]);
}

describe("what cannot be read is answered without a ref", () => {
  test.each([
    ["nothing", ""],
    ["no JSON", "hello"],
    ["half of JSON", '{"type":"leave","ref":'],
    ["an array", '[{"type":"leave","ref":2}]'],
    ["null", "null"],
    ["a number", "17"],
    ["text", '"leave"'],
    ["no ref", '{"type":"leave"}'],
    ["a ref that is text", '{"type":"leave","ref":"2"}'],
    ["a ref that is null", '{"type":"leave","ref":null}'],
    ["a negative ref", '{"type":"leave","ref":-1}'],
    ["a broken ref", '{"type":"leave","ref":2.5}'],
    ["an infinite ref", '{"type":"leave","ref":1e400}'],
    ["a ref beyond what numbers can count", '{"type":"leave","ref":9007199254740993}'],
    ["a ref of the prototype's", '{"type":"leave","__proto__":{"ref":2}}'],
  ])("%s", (_name, text) => {
    expectRefusal(text, { code: "bad-message" });
  });
});

describe("what has a ref is answered with it", () => {
  test.each([
    ["no type", '{"ref":2}', "type"],
    ["an unknown type", '{"type":"dance","ref":2}', '"dance"'],
    ["a type of the server's", '{"type":"joined","ref":2}', '"joined"'],
    ["a type that is a key of every object", '{"type":"constructor","ref":2}', "type"],
    ["a type that is no text", '{"type":{},"ref":2}', "type"],
    ["an unknown field", '{"type":"leave","ref":2,"extra":1}', "extra"],
    ["a field called __proto__", '{"type":"leave","ref":2,"__proto__":{"a":1}}', "__proto__"],
    ["an offer without description", '{"type":"offer","ref":2}', "description"],
    ["a description that is text", '{"type":"offer","ref":2,"description":"v=0"}', "description"],
    ["a description of no type", '{"type":"offer","ref":2,"description":{"sdp":""}}', "description.type"],
    [
      "a description of a wrong type",
      '{"type":"offer","ref":2,"description":{"type":"bid"}}',
      "description.type",
    ],
    [
      "sdp that is no text",
      '{"type":"offer","ref":2,"description":{"type":"offer","sdp":1}}',
      "description.sdp",
    ],
    [
      "more in a description",
      '{"type":"offer","ref":2,"description":{"type":"offer","x":1}}',
      "description.x",
    ],
    ["a candidate message without candidate", '{"type":"candidate","ref":2}', "candidate"],
    ["a candidate that is text", '{"type":"candidate","ref":2,"candidate":"candidate:1"}', "candidate"],
    [
      "a candidate that is a number",
      '{"type":"candidate","ref":2,"candidate":{"candidate":1}}',
      "candidate.candidate",
    ],
    [
      "an index too high",
      '{"type":"candidate","ref":2,"candidate":{"sdpMLineIndex":65536}}',
      "candidate.sdpMLineIndex",
    ],
    [
      "an index below 0",
      '{"type":"candidate","ref":2,"candidate":{"sdpMLineIndex":-1}}',
      "candidate.sdpMLineIndex",
    ],
    ["a message without data", '{"type":"message","ref":2}', "data"],
    ["an empty to", '{"type":"message","ref":2,"to":"","data":1}', "to"],
    ["a to that is no text", '{"type":"message","ref":2,"to":["x"],"data":1}', "to"],
    ["a report without one", '{"type":"report","ref":2}', "report"],
    [
      "a report of a wrong state",
      '{"type":"report","ref":2,"report":{"to":"x","state":"great"}}',
      "report.state",
    ],
    [
      "a report with a negative time",
      '{"type":"report","ref":2,"report":{"to":"x","state":"failed","roundTripTimeMs":-1}}',
      "report.roundTripTimeMs",
    ],
    [
      "a report with too many errors",
      JSON.stringify({
        type: "report",
        ref: 2,
        report: { to: "x", state: "failed", errors: Array(17).fill({ code: 701, url: "", text: "" }) },
      }),
      "report.errors",
    ],
  ])("%s", (_name, text, named) => {
    expectRefusal(text, { ref: 2, code: "bad-message", message: expect.stringContaining(named) });
  });

  test("a ref that does not rise", () => {
    expectRefusal('{"type":"leave","ref":1}', {
      ref: 1,
      code: "bad-message",
      message: "ref: must be above 1",
    });
    expectRefusal('{"type":"leave","ref":0}', {
      ref: 0,
      code: "bad-message",
      message: "ref: must be above 1",
    });
  });

  test("a ref may leap, and 0 is the first that may be", () => {
    const client = new Bench().client();
    client.nextRef = 0;
    expect(client.join()).toMatchObject({ ref: 0 });
    client.nextRef = 5_000_000_000;
    expect(client.ask({ type: "ice" })).toMatchObject({ type: "ice-servers", ref: 5_000_000_000 });
  });
});

describe("join and create", () => {
  function refusalOf(message: Record<string, unknown>): { client: Client; answer: unknown } {
    const client = new Bench().client();
    return { client, answer: client.ask(message) };
  }

  test.each([
    ["another version", { v: 2, room: "fox" }, "v: this server speaks version 1, not 2"],
    ["a version of text", { v: "1", room: "fox" }, "v: "],
    ["no version", { room: "fox" }, "v: this server speaks version 1, not none"],
    ["no room", { v: 1 }, "room"],
    ["a room that is a number", { v: 1, room: 7 }, "room"],
    ["an empty room", { v: 1, room: "" }, "room"],
    ["a room of 129 characters", { v: 1, room: "x".repeat(129) }, "room"],
    ["a room with a line break", { v: 1, room: "a\nb" }, "room"],
    ["a room with NUL", { v: 1, room: "a\u0000b" }, "room"],
    ["a room with DEL", { v: 1, room: "a\u007fb" }, "room"],
    ["a room with half a surrogate pair", { v: 1, room: "\ud83d" }, "room"],
    ["an empty name", { v: 1, room: "fox", name: "" }, "name"],
    ["a name of 65 characters", { v: 1, room: "fox", name: "x".repeat(65) }, "name"],
    ["a name with a tab", { v: 1, room: "fox", name: "a\tb" }, "name"],
    ["a name that is null", { v: 1, room: "fox", name: null }, "name"],
    ["a token that is no text", { v: 1, room: "fox", token: 1 }, "token"],
    ["a room and a resumeToken", { v: 1, room: "fox", resumeToken: "x", lastSeq: 1 }, "room"],
    ["a resumeToken without lastSeq", { v: 1, resumeToken: "x" }, "lastSeq"],
    ["a resumeToken that is no text", { v: 1, resumeToken: 1, lastSeq: 1 }, "resumeToken"],
    ["a lastSeq below 0", { v: 1, resumeToken: "x", lastSeq: -1 }, "lastSeq"],
  ])("%s", (_name, fields, named) => {
    const { client, answer } = refusalOf({ type: "join", ...fields });
    expect(answer).toMatchObject({
      type: "error",
      code: "bad-message",
      message: expect.stringContaining(named),
    });
    expect(client.join().created).toBe(true);
  });

  test.each([
    ["128 characters of four bytes each", "😀".repeat(128)],
    ["one space", " "],
    ["what other languages write", "café – комната 部屋 غرفة"],
    ["markup", "<b>&amp;</b>"],
  ])("a room may be called: %s", (_name, room) => {
    expect(refusalOf({ type: "join", v: 1, room, name: "😀".repeat(64) }).answer).toMatchObject({
      type: "joined",
      room,
    });
  });

  test("a resume cannot be a create", () => {
    const { answer } = refusalOf({ type: "create", v: 1, resumeToken: "x", lastSeq: 0 });
    expect(answer).toMatchObject({ code: "bad-message", message: expect.stringContaining("room") });
  });

  test("an answer repeats little of what it answers, and no value of a field", () => {
    const { answer } = refusalOf({
      type: "join",
      v: 1,
      room: "fox",
      token: ["hunter2"],
      ["k".repeat(3000)]: 1,
    });
    expect(JSON.stringify(answer)).not.toContain("hunter2");
    expect(JSON.stringify(answer).length).toBeLessThan(400);
  });
});

describe("binary frames", () => {
  test("are answered with bad-message, and text after them passes", () => {
    const bench = new Bench();
    const { alice, bob } = bench.pair();
    alice.connection.receiveBinary();
    expect(alice.news()).toMatchObject([{ type: "error", code: "bad-message" }]);
    alice.ask({ type: "message", data: 1 });
    expect(bob.news()).toHaveLength(1);
  });
});

describe("too large", () => {
  test("is a frame of more bytes than maxMessageBytes, counted as UTF-8, and the answer repeats its ref", () => {
    const bench = new Bench({ maxMessageBytes: 300 });
    const { alice, bob } = bench.pair();
    const frame = (ref: number, length: number) => {
      const empty = JSON.stringify({ type: "message", ref, data: "" });
      return empty.replace('""', `"${"x".repeat(length - empty.length)}"`);
    };
    alice.connection.receiveText(frame(2, 301));
    expect(alice.news()).toMatchObject([{ type: "error", ref: 2, code: "too-large" }]);
    alice.connection.receiveText(frame(2, 300));
    expect(alice.news()).toEqual([{ type: "ok", ref: 2 }]);
    expect(bob.news()).toHaveLength(1);
    alice.connection.receiveText(JSON.stringify({ type: "message", ref: 3, data: "é".repeat(150) }));
    expect(alice.news()).toMatchObject([{ ref: 3, code: "too-large" }]);
    alice.connection.receiveText("x".repeat(400));
    expect(alice.news()).toEqual([{ type: "error", code: "too-large", message: expect.any(String) }]);
    expect(bob.news()).toEqual([]);
  });
});

describe("persistent nonsense", () => {
  test("twenty bad messages in a row end the connection with 4000, each answered before", () => {
    const client = new Bench().client();
    for (let count = 0; count < 19; count++) client.connection.receiveText("nonsense");
    expect(client.link.closedWith).toBeUndefined();
    client.connection.receiveText("nonsense");
    expect(client.news()).toHaveLength(20);
    expect(client.link.closedWith).toMatchObject({ code: 4000 });
    client.connection.receiveText("nonsense");
    expect(client.news()).toEqual([]);
  });

  test("one good message forgives what was before", () => {
    const client = new Bench().client();
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 19; count++) client.connection.receiveBinary();
      client.ask({ type: "ice" });
    }
    expect(client.link.closedWith).toBeUndefined();
  });

  test("a member who is closed for it is away, not gone", () => {
    const bench = new Bench();
    const { alice, bob, aliceId } = bench.pair();
    for (let count = 0; count < 20; count++) alice.connection.receiveText("{}");
    expect(alice.link.closedWith?.code).toBe(4000);
    expect(bob.news()).toEqual([{ type: "peer-away", peer: aliceId }]);
    expect(bench.told("connectionClosed")).toEqual([4000]);
  });
});
