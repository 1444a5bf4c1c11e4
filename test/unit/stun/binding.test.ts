import { describe, expect, test } from "vitest";
import { formatTransportAddress, parseIp, withPort } from "../../../src/stun/address.ts";
import { readXorAddress, textAttribute } from "../../../src/stun/attributes.ts";
import { bindingSuccess } from "../../../src/stun/binding.ts";
import { verifyFingerprint } from "../../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage, findAttribute, type StunMessage } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";

const transactionId = Uint8Array.from({ length: 12 }, (_, i) => i);

function decode(bytes: Uint8Array): StunMessage {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.message;
}

function request(options: { fingerprint?: boolean } = {}): StunMessage {
  return decode(
    encodeMessage({ method: METHOD.binding, messageClass: "request", transactionId }, [], options),
  );
}

describe.each([
  { family: 4, ip: "192.0.2.1", ipHeader: 20 },
  { family: 6, ip: "2001:db8::1", ipHeader: 40 },
])("a Binding success over IPv$family", ({ ip, ipHeader }) => {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(ip);
  const source = withPort(parsed, 40000);

  test("says where the request came from, and nothing else", () => {
    const answer = decode(bindingSuccess(request(), source));
    expect(answer).toMatchObject({ method: METHOD.binding, messageClass: "success" });
    expect([...answer.transactionId]).toEqual([...transactionId]);
    expect(answer.attributes.map(({ type }) => type)).toEqual([ATTRIBUTE.xorMappedAddress]);
    const value = findAttribute(answer, ATTRIBUTE.xorMappedAddress) as Uint8Array;
    expect(readXorAddress(value, answer.transactionId)).toEqual(source);
    expect(formatTransportAddress(source)).toContain(ip);
  });

  test.each([{ fingerprint: false }, { fingerprint: true }])(
    "is at most 1.4 times its request, IP and UDP headers counted: $fingerprint",
    (options) => {
      const asked = request(options);
      const headers = ipHeader + 8;
      const ratio = (bindingSuccess(asked, source).length + headers) / (asked.bytes.length + headers);
      expect(ratio).toBeLessThanOrEqual(1.4);
    },
  );

  test("has a FINGERPRINT where the request had one", () => {
    const answer = bindingSuccess(request({ fingerprint: true }), source);
    expect(verifyFingerprint(answer, decode(answer).fingerprintOffset)).toBe(true);
    expect(decode(bindingSuccess(request(), source)).fingerprintOffset).toBe(-1);
  });
});

test("what the request carries is not echoed", () => {
  const asked = decode(
    encodeMessage({ method: METHOD.binding, messageClass: "request", transactionId }, [
      textAttribute(ATTRIBUTE.software, "x".repeat(500)),
    ]),
  );
  const source = withPort({ family: 4, w0: 0, w1: 0, w2: 0, w3: 1 }, 1);
  expect(bindingSuccess(asked, source)).toHaveLength(32);
});
