/**
 * What is forwarded is cut out of the frame that it came in. However that was written, what arrives parses to what a server would send
 * that encodes anew what its schema has read.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldText } from "../../src/signaling/field-text.ts";
import { isPlainlyRight } from "../../src/signaling/quick-check.ts";
import { checkBySchema } from "../../src/signaling/schemas.ts";
import { Bench } from "../unit/signaling/bench.ts";

const REF = 7;

const space = fc.constantFrom("", "", "", " ", "\n\t", "\r\n  ");

/** A JSON string in one of its many forms. */
function writeString(text: string): fc.Arbitrary<string> {
  const plain = JSON.stringify(text);
  const escaped = [...plain.slice(1, -1)].map((character) =>
    /[a-zA-Z_]/.test(character) && !plain.includes("\\")
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
      : character,
  );
  return fc.constantFrom(plain, plain, plain, `"${escaped.join("")}"`);
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    'a"b',
    "\\",
    '\\"',
    "v=0\r\na=ice-pwd:x\r\n",
    "}",
    '","sdp":"',
    "description",
    "\u2028\ud83d",
  ),
);
const numberText = fc.constantFrom(
  "0",
  "1",
  "-0",
  "-1",
  "1.5",
  "1e3",
  "1E400",
  "0.0",
  "65535",
  "65536",
  "12345678901234567890123",
);
const scalarText = fc.oneof(text.chain(writeString), numberText, fc.constantFrom("true", "false", "null"));

const PAYLOAD_KEYS = [
  "type",
  "sdp",
  "candidate",
  "sdpMid",
  "sdpMLineIndex",
  "usernameFragment",
  "__proto__",
  "toJSON",
  "2",
  "1",
];
const MESSAGE_KEYS = ["type", "ref", "to", "description", "candidate", "data", "__proto__", "extra"];

type Member = readonly [name: string, value: fc.Arbitrary<string>];

/** An object of these members in this order, twice the same where it is so, with spaces anywhere. */
function writeObject(members: readonly Member[]): fc.Arbitrary<string> {
  const written = members.map(([name, value]) =>
    fc
      .tuple(space, writeString(name), space, space, value, space)
      .map(([a, key, b, c, content, d]) => `${a}${key}${b}:${c}${content}${d}`),
  );
  return fc
    .tuple(space, ...written)
    .map(([inside, ...all]) => `{${all.length === 0 ? inside : all.join(",")}}`);
}

function objectOf(keys: readonly string[], value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...keys), { maxLength: 6 })
    .chain((names) => writeObject(names.map((name) => [name, value])));
}

const nested = fc.oneof(scalarText, objectOf(PAYLOAD_KEYS, scalarText), fc.json({ maxDepth: 3 }));

/** Right, or nearly: a few members too many, or written twice. */
const description = fc.oneof(
  writeObject([
    ["type", fc.constantFrom("offer", "answer", "pranswer", "rollback").chain(writeString)],
    ["sdp", text.chain(writeString)],
  ]),
  objectOf(["type", "sdp"], fc.oneof(scalarText, fc.constant('"offer"'))),
  nested,
);
const candidate = fc.oneof(
  writeObject([
    ["candidate", text.chain(writeString)],
    ["sdpMid", fc.oneof(text.chain(writeString), fc.constant("null"))],
    ["sdpMLineIndex", fc.oneof(numberText, fc.constant("null"))],
    ["usernameFragment", text.chain(writeString)],
  ]),
  objectOf(PAYLOAD_KEYS, scalarText),
  nested,
);

function message(type: string, field: string, payload: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const needed: Member[] = [
    ["type", fc.constant(JSON.stringify(type))],
    ["ref", fc.constant(String(REF))],
    [field, payload],
  ];
  const more: Member[] = [
    ["to", fc.constantFrom('"somebody"', '""', "1")],
    ["extra", scalarText],
    [field, payload],
    ["type", scalarText],
  ];
  return fc
    .tuple(fc.shuffledSubarray(more, { maxLength: 1 }), fc.boolean())
    .chain(([extra, isFirst]) =>
      fc.shuffledSubarray([...needed, ...(isFirst ? extra : [])], { minLength: 3 }),
    )
    .chain(writeObject);
}

const anyMessage = fc.oneof(
  fc.constantFrom("offer", "answer").chain((type) => message(type, "description", description)),
  message("candidate", "candidate", candidate),
  message("message", "data", nested),
  objectOf(MESSAGE_KEYS, nested),
);

/** Joins, right or nearly. */
const entry = fc
  .tuple(
    fc.shuffledSubarray(
      [
        ["v", fc.constantFrom("1", "1", "2", '"1"')],
        ["room", fc.oneof(text.chain(writeString), fc.constantFrom('"fox"', "1", '"a\\u0000b"'))],
      ] as Member[],
      { minLength: 1 },
    ),
    fc.shuffledSubarray(
      [
        ["name", fc.oneof(text.chain(writeString), numberText)],
        ["token", fc.oneof(text.chain(writeString), numberText)],
        ["resumeToken", text.chain(writeString)],
        ["lastSeq", numberText],
        ["extra", scalarText],
      ] as Member[],
      { maxLength: 2 },
    ),
  )
  .chain(([needed, more]) =>
    writeObject([
      ["type", fc.constantFrom('"join"', '"create"')],
      ["ref", fc.constant(String(REF))],
      ...needed,
      ...more,
    ]),
  );

function parse(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

function countMembers(value: unknown): number {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value).length : 0;
}

/** As JSON.stringify writes what is there: -0 is 0, and what is no number is null. */
function encodedAnew(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("the text of a field", () => {
  test("is what JSON.parse finds there, or none", () => {
    let found = 0;
    fc.assert(
      fc.property(anyMessage, fc.constantFrom(...MESSAGE_KEYS), (json, field) => {
        const value = parse(json);
        const cut = fieldText(json, field, Object.keys(value).length, countMembers(value[field]));
        if (cut === undefined) return;
        found++;
        expect(JSON.parse(cut)).toEqual(encodedAnew(value[field]));
      }),
      { numRuns: 5000 },
    );
    expect(found).toBeGreaterThan(0);
  });

  test("of a browser's message is found, wherever it stands", () => {
    const sdp = 'v=0\r\na=x:"\\"\r\n';
    const description = JSON.stringify({ type: "offer", sdp });
    for (const json of [
      `{"type":"offer","ref":1,"description":${description}}`,
      `{"description":${description},"type":"offer","ref":1}`,
      `{ "ref" : 1 , "description" : ${description} , "type" : "offer" }\n`,
    ])
      expect(fieldText(json, "description", 3, 2)).toBe(description);
  });

  test.each([
    ["a member twice", '{"data":1,"data":2}', 1, 0],
    ["a member twice, its name written in two ways", '{"data":1,"d\\u0061ta":2}', 1, 0],
    ["a member of the field twice", '{"data":{"a":1,"\\u0061":2}}', 1, 1],
    ["an object in the field's object", '{"data":{"a":{}}}', 1, 1],
    ["an array", '{"data":[1]}', 1, 0],
    ["an object beside it", '{"other":{},"data":1}', 2, 0],
    ["minus zero", '{"data":-0}', 1, 0],
    ["a number too large", '{"data":1e400}', 1, 0],
  ])("is not cut out where there is %s", (_name, json, members, fieldMembers) => {
    expect(fieldText(json, "data", members, fieldMembers)).toBeUndefined();
    expect(fieldText('{"data":1}', "data", 1, 0)).toBe("1");
  });
});

test("what is plainly right is right by the schema, which reads the same", () => {
  let right = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: anyMessage }, { weight: 1, arbitrary: entry }), (json) => {
      const value = parse(json);
      if (value.ref !== REF || !isPlainlyRight(value)) return;
      right++;
      expect(checkBySchema(parse(json), REF)).toEqual({ ok: true, message: value });
    }),
    { numRuns: 5000 },
  );
  expect(right).toBeGreaterThan(0);
});

test("what arrives parses to what the schema has read", () => {
  let arrived = 0;
  fc.assert(
    fc.property(anyMessage, (written) => {
      const bench = new Bench();
      const { alice, bob, aliceId, bobId } = bench.pair();
      const json = written.replaceAll('"somebody"', JSON.stringify(bobId));
      const value = parse(json);
      const read = value.ref === REF ? checkBySchema(value, REF) : undefined;
      bob.news();
      alice.connection.receiveText(json);
      const news = bob.news();
      const answer = alice.link.received.at(-1);
      if (answer?.type !== "ok" || read?.ok !== true) {
        expect(news).toEqual([]);
        return;
      }
      arrived++;
      const { ref: _ref, to: _to, ...rest } = encodedAnew(read.message) as Record<string, unknown>;
      expect(news).toEqual([{ ...rest, from: aliceId }]);
    }),
    { numRuns: 2000 },
  );
  expect(arrived).toBeGreaterThan(0);
});
