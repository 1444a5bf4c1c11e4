import { describe, expect, test } from "vitest";
import { formatTransportAddress } from "../../../src/stun/address.ts";
import { readText, readUint32, readXorAddress } from "../../../src/stun/attributes.ts";
import { longTermKey, verifyFingerprint, verifyIntegrity } from "../../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import {
  LONG_TERM,
  LONG_TERM_REQUEST,
  SAMPLE_IPV4_RESPONSE,
  SAMPLE_IPV6_RESPONSE,
  SAMPLE_REQUEST,
  SHORT_TERM_PASSWORD,
  type StunVector,
} from "../../vectors/rfc5769.ts";

const shortTermKey = Buffer.from(SHORT_TERM_PASSWORD);
const longTerm = longTermKey(LONG_TERM.username, LONG_TERM.realm, LONG_TERM.password);

function decode(vector: StunVector): StunMessage {
  const decoded = decodeMessage(vector.bytes);
  if (!decoded.ok) throw new Error(`section ${vector.section}: ${decoded.reason}`);
  return decoded.message;
}

function textOf(message: StunMessage, type: number): string | undefined {
  const value = findAttribute(message, type);
  return value && readText(value);
}

function listOf(message: StunMessage): string[] {
  return message.attributes.map(({ type, value }) => `${type} ${Buffer.from(value).toString("hex")}`);
}

/** What the codec makes of the message's own attributes: equal to the vector where the padding is zero. */
function encodeAgain(message: StunMessage, integrityKey: Uint8Array): Uint8Array {
  const attributes = message.attributes.filter(({ type }) => type !== ATTRIBUTE.messageIntegrity);
  return encodeMessage(message, attributes, {
    integrityKey,
    fingerprint: message.fingerprintOffset >= 0,
  });
}

describe("RFC 5769 section 2.1, sample request", () => {
  const message = decode(SAMPLE_REQUEST);

  test("decodes to a Binding request with its attributes in order", () => {
    expect(message.method).toBe(METHOD.binding);
    expect(message.messageClass).toBe("request");
    expect(Buffer.from(message.transactionId).toString("hex")).toBe("b7e7a701bc34d686fa87dfae");
    expect(message.attributes.map(({ type }) => type)).toEqual([
      ATTRIBUTE.software,
      ATTRIBUTE.priority,
      ATTRIBUTE.iceControlled,
      ATTRIBUTE.username,
      ATTRIBUTE.messageIntegrity,
    ]);
    expect(textOf(message, ATTRIBUTE.software)).toBe("STUN test client");
    expect(textOf(message, ATTRIBUTE.username)).toBe("evtj:h6vY");
    expect(readUint32(findAttribute(message, ATTRIBUTE.priority) as Uint8Array)).toBe(0x6e0001ff);
    expect(Buffer.from(findAttribute(message, ATTRIBUTE.iceControlled) as Uint8Array).toString("hex")).toBe(
      "932ff9b151263b36",
    );
  });

  test("verifies under its password, with padding that is not zero, and under no other", () => {
    expect(verifyIntegrity(message.bytes, message.integrityOffset, shortTermKey)).toBe(true);
    expect(verifyIntegrity(message.bytes, message.integrityOffset, Buffer.from("VOkJxbRl1RmTxUk"))).toBe(
      false,
    );
  });

  test("carries a right FINGERPRINT", () => {
    expect(verifyFingerprint(message.bytes, message.fingerprintOffset)).toBe(true);
  });
});

describe.each([
  { name: "2.2, sample IPv4 response", vector: SAMPLE_IPV4_RESPONSE, address: "192.0.2.1:32853" },
  {
    name: "2.3, sample IPv6 response",
    vector: SAMPLE_IPV6_RESPONSE,
    address: "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
  },
])("RFC 5769 section $name", ({ vector, address }) => {
  const message = decode(vector);

  test("decodes to a Binding success with the mapped address", () => {
    expect(message.method).toBe(METHOD.binding);
    expect(message.messageClass).toBe("success");
    expect(textOf(message, ATTRIBUTE.software)).toBe("test vector");
    const mapped = readXorAddress(
      findAttribute(message, ATTRIBUTE.xorMappedAddress) as Uint8Array,
      message.transactionId,
    );
    expect(mapped && formatTransportAddress(mapped)).toBe(address);
  });

  test("verifies: integrity and fingerprint", () => {
    expect(verifyIntegrity(message.bytes, message.integrityOffset, shortTermKey)).toBe(true);
    expect(verifyFingerprint(message.bytes, message.fingerprintOffset)).toBe(true);
  });

  test("is re-encoded to the same attributes (the vector pads with spaces, the codec with zeros)", () => {
    const again = encodeAgain(message, shortTermKey);
    const decoded = decodeMessage(again);
    expect(again.length).toBe(vector.bytes.length);
    expect(decoded.ok && listOf(decoded.message).slice(0, 2)).toEqual(listOf(message).slice(0, 2));
  });
});

describe("RFC 5769 section 2.4, request with long-term authentication", () => {
  const message = decode(LONG_TERM_REQUEST);

  test("decodes to its username, nonce and realm", () => {
    expect(textOf(message, ATTRIBUTE.username)).toBe(LONG_TERM.username);
    expect(textOf(message, ATTRIBUTE.nonce)).toBe(LONG_TERM.nonce);
    expect(textOf(message, ATTRIBUTE.realm)).toBe(LONG_TERM.realm);
    expect(message.fingerprintOffset).toBe(-1);
  });

  test("verifies under MD5(username:realm:password)", () => {
    expect(verifyIntegrity(message.bytes, message.integrityOffset, longTerm)).toBe(true);
    const wrong = longTermKey(LONG_TERM.username, LONG_TERM.realm, "TheMatrix");
    expect(verifyIntegrity(message.bytes, message.integrityOffset, wrong)).toBe(false);
  });

  test("is re-encoded byte for byte: its padding is zero", () => {
    expect(Buffer.from(encodeAgain(message, longTerm))).toEqual(Buffer.from(LONG_TERM_REQUEST.bytes));
  });
});

test("one flipped bit anywhere before MESSAGE-INTEGRITY breaks it, and FINGERPRINT too", () => {
  const { bytes } = SAMPLE_IPV4_RESPONSE;
  const { integrityOffset, fingerprintOffset } = decode(SAMPLE_IPV4_RESPONSE);
  for (let bit = 0; bit < integrityOffset * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // The length in the header is replaced before the HMAC: section 14.5.
    const isLength = bit >> 3 === 2 || bit >> 3 === 3;
    expect(verifyIntegrity(flipped, integrityOffset, shortTermKey)).toBe(isLength);
    expect(verifyFingerprint(flipped, fingerprintOffset)).toBe(false);
  }
});
