import fc from "fast-check";
import { expect, test } from "vitest";
import * as attributes from "../../src/stun/attributes.ts";
import { verifyFingerprint, verifyIntegrity } from "../../src/stun/integrity.ts";
import { decodeMessage, type StunMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { Mutator } from "../support/mutator.ts";
import { encodeRequest } from "../support/turn-request.ts";
import {
  LONG_TERM_REQUEST,
  SAMPLE_IPV4_RESPONSE,
  SAMPLE_IPV6_RESPONSE,
  SAMPLE_REQUEST,
} from "../vectors/rfc5769.ts";

const key = new Uint8Array(16);

/** Everything that the relay does with a message that it has decoded. */
function readAll(message: StunMessage): void {
  const { bytes, integrityOffset, fingerprintOffset } = message;
  if (integrityOffset >= 0) verifyIntegrity(bytes, integrityOffset, key);
  if (fingerprintOffset >= 0) verifyFingerprint(bytes, fingerprintOffset);
  for (const { value } of message.attributes) {
    attributes.readAddress(value);
    attributes.readXorAddress(value, message.transactionId);
    attributes.readUint32(value);
    attributes.readChannelNumber(value);
    attributes.readRequestedTransport(value);
    attributes.readAddressFamily(value);
    attributes.readEvenPort(value);
    attributes.readText(value);
    attributes.readErrorCode(value);
    attributes.readUnknownAttributes(value);
  }
}

/** What must hold of every message that was taken, whatever the bytes. */
function assertWhole(message: StunMessage): void {
  const { bytes } = message;
  if (message.transactionId.length !== 12) throw new Error("a transaction id that is not 12 bytes long");
  let sum = 20;
  for (const { value } of message.attributes) {
    sum += 4 + ((value.length + 3) & ~3);
    const start = value.byteOffset - bytes.byteOffset;
    if (start < 24 || start + value.length > bytes.length) throw new Error("a value outside of the message");
  }
  if (sum > bytes.length) throw new Error("attributes that are longer than the message");
}

test("decoding any bytes never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const decoded = decodeMessage(bytes);
      if (decoded.ok) readAll(decoded.message);
    }),
    { numRuns: 5000 },
  );
});

test("decoding any attributes behind a right header never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
      const length = body.length & ~3;
      const bytes = Buffer.concat([
        Buffer.from("000100002112a442", "hex"),
        Buffer.alloc(12),
        body.subarray(0, length),
      ]);
      bytes.writeUInt16BE(length, 2);
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) return;
      assertWhole(decoded.message);
      readAll(decoded.message);
    }),
    { numRuns: 5000 },
  );
});

test("100,000 mutated packets are decoded or refused, and never throw", () => {
  const proof = { username: "alice", realm: "r", password: "p", nonce: "n" };
  const mutator = new Mutator(5769, [
    ...[SAMPLE_REQUEST, SAMPLE_IPV4_RESPONSE, SAMPLE_IPV6_RESPONSE, LONG_TERM_REQUEST].map(
      ({ bytes }) => bytes,
    ),
    encodeRequest(METHOD.allocate, [attributes.requestedTransportAttribute(17)], proof, {
      fingerprint: true,
    }),
    encodeRequest(METHOD.channelBind, [attributes.channelNumberAttribute(0x4000)], proof),
    encodeRequest(METHOD.allocate, [attributes.evenPortAttribute(true)], undefined),
    encodeRequest(METHOD.refresh, [attributes.uint32Attribute(ATTRIBUTE.lifetime, 0)], proof),
  ]);
  const refused = new Map<string, number>();
  let taken = 0;
  for (let i = 0; i < 100_000; i++) {
    const decoded = decodeMessage(mutator.next());
    if (decoded.ok) {
      taken++;
      assertWhole(decoded.message);
      readAll(decoded.message);
    } else {
      refused.set(decoded.reason, (refused.get(decoded.reason) ?? 0) + 1);
    }
  }
  // The mutations reach behind the header, and every way to be refused but one that takes 65 attributes.
  expect(taken).toBeGreaterThan(10_000);
  expect([...refused.keys()].sort()).toEqual([
    "attribute-overrun",
    "not-stun",
    "too-short",
    "wrong-cookie",
    "wrong-length",
  ]);
});
