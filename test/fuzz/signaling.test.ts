import fc from "fast-check";
import { expect, test } from "vitest";
import { readMessage } from "../../src/signaling/schemas.ts";
import { Bench, type Client } from "../unit/signaling/bench.ts";

/** Values that look like the protocol's, so that some get far. */
const key = fc.constantFrom(
  "type",
  "ref",
  "v",
  "room",
  "name",
  "token",
  "to",
  "description",
  "candidate",
  "sdp",
  "data",
  "report",
  "resumeToken",
  "lastSeq",
  "sdpMid",
  "sdpMLineIndex",
  "__proto__",
  "constructor",
  "toJSON",
  "extra",
);
const leaf = fc.oneof(
  fc.constantFrom(
    "create",
    "join",
    "offer",
    "answer",
    "candidate",
    "message",
    "leave",
    "ice",
    "report",
    "fox",
  ),
  fc.constantFrom(1, 0, -1, 2, 1e308, 0.5),
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.constant(null),
  fc.boolean(),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: fc.dictionary(key, tie("value"), { maxKeys: 8 }),
}));

const validMessage = fc.oneof(
  fc.record({
    type: fc.constantFrom("join", "create"),
    v: fc.constant(1),
    room: fc.constantFrom("fox", "owl"),
  }),
  fc.record({ type: fc.constant("message"), data: fc.jsonValue() }),
  fc.record({
    type: fc.constantFrom("offer", "answer"),
    description: fc.record({ type: fc.constant("offer"), sdp: fc.string() }),
  }),
  fc.record({ type: fc.constantFrom("leave", "ice") }),
  fc.record({ type: fc.constant("candidate"), candidate: fc.constant(null) }),
);

/** One valid message with one field replaced, added or taken away. */
const mutated = fc
  .tuple(validMessage, key, fc.option(fc.oneof(leaf, value), { nil: undefined }))
  .map(([message, name, replacement]) => {
    const fields = new Map<string, unknown>([["ref", 1], ...Object.entries(message)]);
    if (replacement === undefined) fields.delete(name);
    else fields.set(name, replacement);
    const members = [...fields].map(
      ([field, content]) => `${JSON.stringify(field)}:${JSON.stringify(content)}`,
    );
    return `{${members.join(",")}}`;
  });

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.json(),
  value.map((made) => JSON.stringify(made)),
  mutated,
  fc.tuple(mutated, fc.nat(200)).map(([whole, cut]) => whole.slice(0, cut)),
);
const frame = fc.oneof({ weight: 9, arbitrary: text }, { weight: 1, arbitrary: fc.constant(undefined) });

function feed(client: Client, frames: (string | undefined)[]): void {
  for (const content of frames) {
    if (content === undefined) client.connection.receiveBinary();
    else client.connection.receiveText(content);
  }
}

test("any frames: the hub never throws, answers each of them, and a valid call by others succeeds after", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 15 }), (frames) => {
      const bench = new Bench();
      const client = bench.client();
      feed(client, frames);
      const answers = client.link.received.filter(({ type }) =>
        ["ok", "error", "joined", "ice-servers"].includes(type),
      );
      expect(answers).toHaveLength(frames.length);
      const { alice, bob } = bench.pair("a room of their own");
      expect(alice.ask({ type: "message", data: 1 }).type).toBe("ok");
      expect(bob.news()).toHaveLength(1);
      expect(bench.told("failed")).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test("any frames before it: the same connection may still join", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 15 }), (frames) => {
      const client = new Bench().client();
      feed(client, frames);
      client.nextRef = Number.MAX_SAFE_INTEGER - 1;
      client.say({ type: "leave" });
      expect(client.join().type).toBe("joined");
    }),
    { numRuns: 500 },
  );
});

test("any frames in a room: the other member hears only what the protocol knows, from the sender, without gaps", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 15 }), (frames) => {
      const bench = new Bench({ clearOnLeave: false });
      const { alice, bob, aliceId } = bench.pair("fox");
      feed(alice, frames);
      const heard = bob.news();
      for (const message of heard) {
        expect(["offer", "answer", "candidate", "message", "peer-left", "peer-joined"]).toContain(
          message.type,
        );
        if ("from" in message) expect(message.from).toBe(aliceId);
      }
      expect(bob.link.received.map(({ seq }) => seq)).toEqual(bob.link.received.map((_, index) => index + 1));
    }),
    { numRuns: 1000 },
  );
});

test("reading any text never throws, and what it accepts is written as it was read", () => {
  fc.assert(
    fc.property(text, (content) => {
      const result = readMessage(content);
      if (result.ok) expect(readMessage(JSON.stringify(result.message))).toEqual(result);
      else expect(result.problem.length).toBeLessThan(600);
    }),
    { numRuns: 10_000 },
  );
});
