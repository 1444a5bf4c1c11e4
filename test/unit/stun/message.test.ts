import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeMessage,
  encodeMessage,
  findAttribute,
  type MessageClass,
  type StunMessage,
} from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";

const transactionId = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const classes: readonly MessageClass[] = ["request", "indication", "success", "error"];

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replace(/\s+/g, ""), "hex");
}

function decode(message: Uint8Array): StunMessage {
  const decoded = decodeMessage(message);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
}

/** A Binding request whose attributes are these bytes. */
function requestWith(attributesHex: string): Uint8Array {
  const attributes = bytes(attributesHex);
  const header = bytes("0001 0000 2112a442 0102030405060708090a0b0c");
  header.writeUInt16BE(attributes.length, 2);
  return Buffer.concat([header, attributes]);
}

describe("the header", () => {
  // RFC 8489 section 5 and RFC 8656 section 17.
  test.each([
    [METHOD.binding, "request", "0001"],
    [METHOD.binding, "indication", "0011"],
    [METHOD.binding, "success", "0101"],
    [METHOD.binding, "error", "0111"],
    [METHOD.allocate, "request", "0003"],
    [METHOD.allocate, "success", "0103"],
    [METHOD.allocate, "error", "0113"],
    [METHOD.refresh, "request", "0004"],
    [METHOD.send, "indication", "0016"],
    [METHOD.data, "indication", "0017"],
    [METHOD.createPermission, "request", "0008"],
    [METHOD.channelBind, "success", "0109"],
    [0xfff, "error", "3fff"],
    [0x080, "request", "0200"],
  ] as const)("method %i as %s is 0x%s", (method, messageClass, type) => {
    const encoded = encodeMessage({ method, messageClass, transactionId }, []);
    expect(Buffer.from(encoded).toString("hex")).toBe(`${type}00002112a4420102030405060708090a0b0c`);
    expect(decode(encoded)).toMatchObject({ method, messageClass });
  });

  test("every method and class is read as it was written", () => {
    for (let method = 0; method <= 0xfff; method++) {
      for (const messageClass of classes) {
        expect(decode(encodeMessage({ method, messageClass, transactionId }, []))).toMatchObject({
          method,
          messageClass,
        });
      }
    }
  });

  test.each([
    ["", "too-short"],
    ["00010000 2112a442 0102030405060708090a0b", "too-short"],
    ["40010000 2112a442 0102030405060708090a0b0c", "not-stun"],
    ["80010000 2112a442 0102030405060708090a0b0c", "not-stun"],
    ["00010000 2112a443 0102030405060708090a0b0c", "wrong-cookie"], // RFC 3489 had none
    ["00010004 2112a442 0102030405060708090a0b0c", "wrong-length"],
    ["00010003 2112a442 0102030405060708090a0b0c 000000", "wrong-length"],
    ["00010000 2112a442 0102030405060708090a0b0c 80220000", "wrong-length"],
    ["0001ffff 2112a442 0102030405060708090a0b0c", "wrong-length"],
  ])("%j is refused: %s", (hex, reason) => {
    expect(decodeMessage(bytes(hex))).toEqual({ ok: false, reason });
  });
});

describe("attributes", () => {
  test("are read in order, without their padding, whatever the padding is", () => {
    const message = decode(requestWith("0006 0005 616c696365 ffffff 8022 0001 78 000000 0024 0004 00000001"));
    expect(message.attributes.map(({ type, value }) => [type, value.length])).toEqual([
      [ATTRIBUTE.username, 5],
      [ATTRIBUTE.software, 1],
      [ATTRIBUTE.priority, 4],
    ]);
  });

  test("one that reaches beyond the message is refused", () => {
    for (const hex of ["0006 0001", "0006 0005 616c6963", "0006 ffff 616c6963", "0006 0000 0006 0004"]) {
      expect(decodeMessage(requestWith(hex))).toEqual({ ok: false, reason: "attribute-overrun" });
    }
  });

  test("of one type twice, the first counts", () => {
    const message = decode(requestWith("0006 0001 61 000000 0006 0001 62 000000"));
    expect(Buffer.from(findAttribute(message, ATTRIBUTE.username) ?? []).toString()).toBe("a");
  });

  test("behind MESSAGE-INTEGRITY are ignored, but SHA256 and FINGERPRINT (sections 14.5 and 14.6)", () => {
    const integrity = `0008 0014 ${"11".repeat(20)}`;
    const sha256 = `001c 0020 ${"22".repeat(32)}`;
    const username = "0006 0004 616c6963";
    const fingerprint = "8028 0004 00000000";
    const message = decode(
      requestWith([username, integrity, username, integrity, sha256, username, sha256, fingerprint].join("")),
    );
    expect(message.attributes.map(({ type }) => type)).toEqual([
      ATTRIBUTE.username,
      ATTRIBUTE.messageIntegrity,
      ATTRIBUTE.messageIntegritySha256,
    ]);
    expect(message.integrityOffset).toBe(28);
    expect(message.integritySha256Offset).toBe(28 + 24 + 8 + 24);
    expect(message.fingerprintOffset).toBe(message.bytes.length - 8);
  });

  test("MESSAGE-INTEGRITY behind FINGERPRINT or behind SHA256 does not count", () => {
    const integrity = `0008 0014 ${"11".repeat(20)}`;
    expect(decode(requestWith(`8028 0004 00000000 ${integrity}`)).integrityOffset).toBe(-1);
    expect(decode(requestWith(`001c 0020 ${"22".repeat(32)} ${integrity}`)).integrityOffset).toBe(-1);
  });

  test("64 are accepted, 65 are not: one datagram cannot ask for more work", () => {
    expect(decode(requestWith("80220000".repeat(64))).attributes).toHaveLength(64);
    expect(decodeMessage(requestWith("80220000".repeat(65)))).toEqual({
      ok: false,
      reason: "too-many-attributes",
    });
  });

  test("are views of the bytes that came in: nothing is copied", () => {
    const message = requestWith("0006 0004 616c6963");
    expect(findAttribute(decode(message), ATTRIBUTE.username)?.buffer).toBe(message.buffer);
  });
});

test("what is encoded is decoded to the same, and the padding is zero", () => {
  const attribute = fc.record({
    // Neither of the two integrities nor FINGERPRINT, which hide what follows.
    type: fc.integer({ min: 0, max: 0xffff }).filter((type) => ![0x0008, 0x001c, 0x8028].includes(type)),
    value: fc.uint8Array({ maxLength: 41 }),
  });
  const head = fc.record({
    method: fc.integer({ min: 0, max: 0xfff }),
    messageClass: fc.constantFrom(...classes),
    transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  });
  fc.assert(
    fc.property(
      head,
      fc.array(attribute, { maxLength: 20 }),
      fc.boolean(),
      (original, attributes, fingerprint) => {
        const encoded = encodeMessage(original, attributes, { fingerprint });
        const message = decode(encoded);
        expect(message).toMatchObject({ method: original.method, messageClass: original.messageClass });
        expect([...message.transactionId]).toEqual([...original.transactionId]);
        expect(message.attributes.map(({ type, value }) => ({ type, value: [...value] }))).toEqual(
          attributes.map(({ type, value }) => ({ type, value: [...value] })),
        );
        expect(message.fingerprintOffset >= 0).toBe(fingerprint);
        expect(Buffer.from(encodeMessage(message, message.attributes, { fingerprint }))).toEqual(
          Buffer.from(encoded),
        );
      },
    ),
  );
});
