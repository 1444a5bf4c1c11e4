/** What `quickBinding` answers, the relay would have answered with the same bytes; what it refuses, it left alone. */

import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { ipv4FromWord, ipv6FromWords, withPort } from "../../src/stun/address.ts";
import { crc32Of } from "../../src/stun/crc32.ts";
import { appendFingerprint } from "../../src/stun/integrity.ts";
import { encodeMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { openBindingOracle } from "../support/binding-oracle.ts";
import { fuzzPackets, fuzzSeed } from "../support/fuzz-settings.ts";
import { Mutator } from "../support/mutator.ts";
import { quickAnswer } from "../support/quick-answer.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { encodeRequest } from "../support/turn-request.ts";
import { SAMPLE_IPV4_RESPONSE, SAMPLE_REQUEST } from "../vectors/rfc5769.ts";

const oracle = openBindingOracle();
afterAll(() => oracle.close());

const word = fc.nat(0xffffffff);
const port = fc.nat(0xffff);
const source = fc.oneof(
  fc.tuple(word, port).map(([w, p]) => withPort(ipv4FromWord(w), p)),
  fc.tuple(word, word, word, word, port).map(([a, b, c, d, p]) => withPort(ipv6FromWords(a, b, c, d), p)),
);
const knownType = fc.constantFrom(
  ...Object.values(ATTRIBUTE).filter((type) => type !== ATTRIBUTE.fingerprint),
);
const type = fc.oneof(knownType, fc.integer({ min: 0x8000, max: 0xffff }), fc.nat(0xffff));
const attributes = fc.array(fc.record({ type, value: fc.uint8Array({ maxLength: 24 }) }), { maxLength: 8 });
const transactionId = fc.uint8Array({ minLength: 12, maxLength: 12 });

test("whole requests of every kind: the same bytes, or none", () => {
  let answered = 0;
  fc.assert(
    fc.property(source, transactionId, attributes, fc.boolean(), (from, id, list, fingerprint) => {
      const head = { method: METHOD.binding, messageClass: "request", transactionId: id } as const;
      const packet = encodeMessage(head, list, { fingerprint });
      const answer = quickAnswer(packet, from);
      if (answer === undefined) return;
      answered++;
      expect(answer).toEqual(oracle.answer(packet, from));
    }),
    { numRuns: 5000 },
  );
  expect(answered).toBeGreaterThan(500);
});

test("any bytes: no answer, or the same one, and never an error", () => {
  fc.assert(
    fc.property(source, fc.uint8Array({ maxLength: 300 }), (from, bytes) => {
      expect(quickAnswer(bytes, from)).toBe(undefined);
    }),
    { numRuns: 2000 },
  );
});

test("mutated packets: the same bytes, or none, and never an error", () => {
  const random = new SeededRandom(fuzzSeed());
  const software = { type: ATTRIBUTE.software, value: random.bytes(13) };
  const username = { type: ATTRIBUTE.username, value: random.bytes(9) };
  const bindings = [[], [software], [username, software]].flatMap((list) =>
    [false, true].map((fingerprint) => encodeRequest(METHOD.binding, list, undefined, { fingerprint })),
  );
  const mutator = new Mutator(random, [
    ...bindings,
    ...[SAMPLE_REQUEST, SAMPLE_IPV4_RESPONSE].map(({ bytes }) => bytes),
  ]);
  const count = fuzzPackets(100_000);
  let answered = 0;
  for (let i = 0; i < count; i++) {
    const packet = Buffer.from(mutator.next());
    // A FINGERPRINT at the end of what is damaged is right every other time.
    if (random.once(2) && packet.length >= 28) appendFingerprint(packet, packet.length - 8);
    const ip = random.once(2)
      ? ipv4FromWord(random.below(2 ** 32))
      : ipv6FromWords(random.below(2 ** 32), 1, 2, random.below(2 ** 32));
    const from = withPort(ip, random.below(0x10000));
    const answer = quickAnswer(packet, from);
    if (answer === undefined) continue;
    answered++;
    const expected = oracle.answer(packet, from);
    if (expected === undefined || Buffer.compare(answer, expected) !== 0)
      expect([packet.toString("hex"), answer]).toEqual([packet.toString("hex"), expected]);
  }
  expect(answered).toBeGreaterThan(count / 50);
});

test("CRC-32 of any bytes is zlib's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, start) => {
      expect(crc32Of(bytes, start, Math.max(start, bytes.length)) >>> 0).toBe(crc32(bytes.subarray(start)));
    }),
  );
});
