import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { textAttribute } from "../../../src/stun/attributes.ts";
import {
  longTermKey,
  verifyFingerprint,
  verifyIntegrity,
  verifyIntegritySha256,
} from "../../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage, type StunMessage } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";

const head = { method: METHOD.allocate, messageClass: "request", transactionId: new Uint8Array(12) } as const;
const username = textAttribute(ATTRIBUTE.username, "alice");
const key = longTermKey("alice", "example.org", "secret");

function decode(bytes: Uint8Array): StunMessage {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
}

/** The message followed by one more attribute, its length put right. */
function append(bytes: Uint8Array, attribute: Uint8Array): Uint8Array {
  const longer = Buffer.concat([bytes, attribute]);
  longer.writeUInt16BE(longer.length - 20, 2);
  return longer;
}

test("the long-term key is MD5(username:realm:password), in UTF-8", () => {
  // RFC 8489 section 9.2.2: key = MD5("user" ":" "realm" ":" "pass") = 8493fbc53ba582fb4c044c456bdc40eb
  expect(Buffer.from(longTermKey("user", "realm", "pass")).toString("hex")).toBe(
    "8493fbc53ba582fb4c044c456bdc40eb",
  );
});

describe("MESSAGE-INTEGRITY", () => {
  const bytes = encodeMessage(head, [username], { integrityKey: key });

  test("is HMAC-SHA1 over what stands before it, with the length as if it were the last", () => {
    const hmac = createHmac("sha1", key)
      .update(bytes.subarray(0, bytes.length - 24))
      .digest();
    expect(Buffer.from(bytes.subarray(-20))).toEqual(hmac);
    expect(verifyIntegrity(bytes, decode(bytes).integrityOffset, key)).toBe(true);
  });

  test("verifies with FINGERPRINT or anything else behind it", () => {
    const withFingerprint = encodeMessage(head, [username], { integrityKey: key, fingerprint: true });
    expect(verifyIntegrity(withFingerprint, decode(withFingerprint).integrityOffset, key)).toBe(true);
    const withMore = append(bytes, Buffer.from("80220004626c6168", "hex"));
    expect(verifyIntegrity(withMore, decode(withMore).integrityOffset, key)).toBe(true);
  });

  test("does not verify under another key, nor an empty one", () => {
    expect(verifyIntegrity(bytes, 32, longTermKey("alice", "example.org", "Secret"))).toBe(false);
    expect(verifyIntegrity(bytes, 32, new Uint8Array())).toBe(false);
  });

  test.each([0, 4, 19, 21, 24, 32])("a value of %i bytes does not verify, and does not throw", (length) => {
    const value = Buffer.alloc(4 + ((length + 3) & ~3));
    value.writeUInt16BE(ATTRIBUTE.messageIntegrity, 0);
    value.writeUInt16BE(length, 2);
    const wrong = append(encodeMessage(head, [username]), value);
    const { integrityOffset } = decode(wrong);
    expect(integrityOffset).toBe(32);
    expect(verifyIntegrity(wrong, integrityOffset, key)).toBe(false);
  });

  test("works on a view into a larger buffer, and leaves the bytes alone", () => {
    const arena = new Uint8Array(bytes.length + 64).fill(0xaa);
    arena.set(bytes, 33);
    const view = arena.subarray(33, 33 + bytes.length);
    expect(verifyIntegrity(view, decode(view).integrityOffset, key)).toBe(true);
    expect(Buffer.from(view)).toEqual(Buffer.from(bytes));
  });
});

describe("MESSAGE-INTEGRITY-SHA256", () => {
  const bytes = encodeMessage(head, [username], { integritySha256Key: key });
  const { integritySha256Offset: offset } = decode(bytes);
  const SHORTEST = 16;

  /** The value cut to so many bytes, which changes the length that is hashed. */
  function truncated(length: number): Uint8Array {
    const head = Buffer.from(bytes.subarray(0, offset));
    head.writeUInt16BE(offset + 4 + length - 20, 2);
    const header = Buffer.from([0x00, 0x1c, 0x00, length]);
    const value = createHmac("sha256", key).update(head).digest().subarray(0, length);
    const shorter = Buffer.concat([head, header, value, Buffer.alloc(-length & 3)]);
    shorter.writeUInt16BE(shorter.length - 20, 2);
    return shorter;
  }

  test("is HMAC-SHA256 over what stands before it, MESSAGE-INTEGRITY too", () => {
    expect(Buffer.from(bytes.subarray(-32))).toEqual(
      createHmac("sha256", key).update(bytes.subarray(0, offset)).digest(),
    );
    const both = encodeMessage(head, [username], {
      integrityKey: key,
      integritySha256Key: key,
      fingerprint: true,
    });
    const { integrityOffset, integritySha256Offset, fingerprintOffset } = decode(both);
    expect(verifyIntegrity(both, integrityOffset, key)).toBe(true);
    expect(verifyIntegritySha256(both, integritySha256Offset, key)).toBe(true);
    expect(verifyFingerprint(both, fingerprintOffset)).toBe(true);
  });

  test("verifies truncated where the usage allows it: 16 to 32 bytes in multiples of 4", () => {
    for (const length of [16, 20, 24, 28, 32]) {
      expect(verifyIntegritySha256(truncated(length), offset, key, SHORTEST), `${length}`).toBe(true);
    }
    for (const length of [0, 4, 12, 15, 17, 18, 31]) {
      expect(verifyIntegritySha256(truncated(length), offset, key, SHORTEST), `${length}`).toBe(false);
    }
  });

  test("does not verify truncated where the usage says nothing, nor too long, nor under another key", () => {
    for (const length of [0, 16, 28])
      expect(verifyIntegritySha256(truncated(length), offset, key)).toBe(false);
    const long = append(
      encodeMessage(head, [username]),
      Buffer.concat([Buffer.from("001c0024", "hex"), Buffer.alloc(36)]),
    );
    expect(verifyIntegritySha256(long, offset, key, SHORTEST)).toBe(false);
    expect(verifyIntegritySha256(bytes, offset, longTermKey("alice", "example.org", "Secret"))).toBe(false);
    expect(verifyIntegritySha256(bytes, offset, key)).toBe(true);
  });
});

describe("FINGERPRINT", () => {
  const bytes = encodeMessage(head, [username], { fingerprint: true });

  test("verifies as the last attribute", () => {
    expect(verifyFingerprint(bytes, decode(bytes).fingerprintOffset)).toBe(true);
  });

  test("does not verify when something follows it, or when its length is not 4", () => {
    const followed = append(bytes, Buffer.from("80220000", "hex"));
    expect(verifyFingerprint(followed, decode(followed).fingerprintOffset)).toBe(false);
    const short = append(encodeMessage(head, [username]), Buffer.from("8028000300000000", "hex"));
    expect(verifyFingerprint(short, decode(short).fingerprintOffset)).toBe(false);
    const empty = append(encodeMessage(head, [username]), Buffer.from("80280000", "hex"));
    expect(verifyFingerprint(empty, decode(empty).fingerprintOffset)).toBe(false);
  });
});
