import { describe, expect, test } from "vitest";
import { readText } from "../../../src/stun/attributes.ts";
import { longTermKey, verifyIntegritySha256 } from "../../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from "../../../src/stun/message.ts";
import { readPasswordAlgorithm, userhash } from "../../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { B1 } from "../../vectors/rfc8489.ts";

const { username, realm, password } = B1;
const key = longTermKey(username, realm, password, "sha256");

function decode(bytes: Uint8Array): StunMessage {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
}

describe("RFC 8489 appendix B.1, as corrected by erratum 6268", () => {
  const message = decode(B1.corrected);

  test("decodes to a Binding request with its identity", () => {
    expect([message.method, message.messageClass]).toEqual([METHOD.binding, "request"]);
    expect(readText(findAttribute(message, ATTRIBUTE.nonce) as Uint8Array)).toBe(B1.nonce);
    expect(readText(findAttribute(message, ATTRIBUTE.realm) as Uint8Array)).toBe(realm);
    expect(readPasswordAlgorithm(findAttribute(message, ATTRIBUTE.passwordAlgorithm) as Uint8Array)).toBe(
      "sha256",
    );
  });

  test("its USERHASH is that of the username in the realm, and of nobody else", () => {
    const hash = Buffer.from(findAttribute(message, ATTRIBUTE.userhash) as Uint8Array);
    expect(hash).toEqual(userhash(username, realm));
    expect(hash).not.toEqual(userhash(username, "example.com"));
  });

  test("verifies under the SHA-256 key, and under no other", () => {
    const { bytes, integritySha256Offset } = message;
    expect(verifyIntegritySha256(bytes, integritySha256Offset, key)).toBe(true);
    for (const wrong of [
      longTermKey(username, realm, password),
      longTermKey(username, realm, "TheMatrix", "sha256"),
    ]) {
      expect(verifyIntegritySha256(bytes, integritySha256Offset, wrong)).toBe(false);
    }
  });

  test("is re-encoded byte for byte", () => {
    const attributes = message.attributes.filter(({ type }) => type !== ATTRIBUTE.messageIntegritySha256);
    const again = encodeMessage(message, attributes, { integritySha256Key: key });
    expect(Buffer.from(again)).toEqual(Buffer.from(B1.corrected));
  });
});

test("RFC 8489 appendix B.1 as printed is no message: its length counts the header", () => {
  expect(decodeMessage(B1.printed)).toEqual({ ok: false, reason: "wrong-length" });
  expect(B1.printed.length).toBe(Buffer.from(B1.printed).readUInt16BE(2));
});
