import { afterAll, describe, expect, it, test } from "vitest";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { crc32Of } from "../../../src/stun/crc32.ts";
import { appendFingerprint } from "../../../src/stun/integrity.ts";
import { encodeMessage, type StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE, HEADER_BYTES, METHOD } from "../../../src/stun/registry.ts";
import { MAX_QUICK_BINDING_BYTES, quickBinding } from "../../../src/turn/quick-binding.ts";
import { openBindingOracle } from "../../support/binding-oracle.ts";
import { addressBytes, quickAnswer } from "../../support/quick-answer.ts";
import { SAMPLE_REQUEST } from "../../vectors/rfc5769.ts";

const SOURCES = ["81.2.69.1", "2a02:8100:ffff::1"].map((text) => address(text, 0xc0de));
const [IPV4] = SOURCES as [TransportAddress];
const TRANSACTION_ID = Buffer.from("0123456789ab");
const SOFTWARE = { type: ATTRIBUTE.software, value: Buffer.from("agent") };

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`no address: ${text}`);
  return withPort(ip, port);
}

function request(
  attributes: StunAttribute[] = [],
  fingerprint = false,
  method: number = METHOD.binding,
): Buffer {
  const head = { method, messageClass: "request", transactionId: TRANSACTION_ID } as const;
  return Buffer.from(encodeMessage(head, attributes, { fingerprint }));
}

const of = (type: number, bytes = 4): StunAttribute => ({ type, value: Buffer.alloc(bytes, 0x61) });

function written(at: number, value: number, packet = request([SOFTWARE], true)): Buffer {
  packet[at] = value;
  return packet;
}

/** With the first attribute as the FINGERPRINT of the header before it. */
function fingerprinted(packet: Buffer): Buffer {
  appendFingerprint(packet, HEADER_BYTES);
  return packet;
}

const oracle = openBindingOracle();
afterAll(() => oracle.close());

describe("answers as the slow way does", () => {
  test.each<[string, Uint8Array]>([
    ["a bare header", request()],
    ["FINGERPRINT", request([], true)],
    ["SOFTWARE", request([SOFTWARE])],
    ["SOFTWARE and FINGERPRINT", request([SOFTWARE], true)],
    [
      "USERNAME, REALM and NONCE",
      request([of(ATTRIBUTE.username, 9), of(ATTRIBUTE.realm), of(ATTRIBUTE.nonce)]),
    ],
    ["MESSAGE-INTEGRITY of whatever value", request([of(ATTRIBUTE.messageIntegrity, 20)], true)],
    ["attributes of answers", request([of(ATTRIBUTE.xorMappedAddress, 8), of(ATTRIBUTE.errorCode)])],
    ["an attribute that nobody has heard of, but may be left alone", request([of(0xc057, 1), of(0xffff, 0)])],
    ["as many attributes as its size lets be", request(new Array<StunAttribute>(59).fill(of(0x8fff, 0)))],
  ])("a request with %s", (_name, packet) => {
    for (const source of SOURCES) {
      const answer = quickAnswer(packet, source);
      expect(answer).toBeDefined();
      expect(answer).toEqual(oracle.answer(packet, source));
    }
  });
});

describe("leaves to the slow way", () => {
  test.each<[string, Uint8Array]>([
    ["another method", request([], false, METHOD.allocate)],
    ["an indication", written(1, 0x11, request())],
    ["a success response", written(0, 0x01, request())],
    ["an ICE check, whose PRIORITY is not known here", SAMPLE_REQUEST.bytes],
    ["a required attribute that is not known", request([of(0x7fff)])],
    ["CHANGE-REQUEST", request([of(ATTRIBUTE.changeRequest)])],
    ["RESPONSE-PORT", request([of(ATTRIBUTE.responsePort)])],
    ["PADDING", request([of(ATTRIBUTE.padding, 64)])],
    ["a wrong FINGERPRINT", written(39, 0)],
    ["a FINGERPRINT that something else broke", written(8, 0)],
    [
      "a right FINGERPRINT that is not the last",
      fingerprinted(request([of(ATTRIBUTE.fingerprint), SOFTWARE])),
    ],
    ["a FINGERPRINT of another length", request([of(ATTRIBUTE.fingerprint, 8)])],
    ["another cookie, as RFC 3489 has it", written(4, 0, request())],
    ["a length that is more than there is", written(3, 4, request())],
    ["a length that is less than there is", written(3, 0, request([SOFTWARE]))],
    ["a length that is no multiple of four", Buffer.concat([written(3, 2, request()), Buffer.alloc(2)])],
    ["an attribute that ends behind the message", written(23, 9, request([of(0x8fff, 4)]))],
    ["more attributes than any client sends", request(new Array<StunAttribute>(60).fill(of(0x8fff, 0)))],
    ["a long one", request([of(ATTRIBUTE.software, 233)], false)],
    ["half a header", request().subarray(0, 19)],
    ["nothing", Buffer.alloc(0)],
    ["ChannelData", Buffer.from("40000004deadbeef", "hex")],
  ])("%s", (_name, packet) => {
    for (const source of SOURCES) expect(quickAnswer(packet, source)).toBe(undefined);
    expect(quickAnswer(request(), IPV4)).toBeDefined();
  });
});

it("may write the answer over the request", () => {
  for (const source of SOURCES) {
    for (const packet of [request(), request([SOFTWARE], true)]) {
      const slot = Buffer.alloc(MAX_QUICK_BINDING_BYTES + 32);
      packet.copy(slot, 16);
      const end = 16 + packet.length;
      const { family, port } = source;
      const bytes = quickBinding(slot, 16, end, slot, 16, family, port, addressBytes(source), 0);
      expect(slot.subarray(16, 16 + bytes)).toEqual(Buffer.from(oracle.answer(packet, source) ?? []));
    }
  }
});

it("writes no part of an answer for which there is no room, and reads nothing behind the buffer", () => {
  const packet = request([], true);
  const out = Buffer.alloc(40);
  const source = addressBytes(IPV4);
  expect(quickBinding(packet, 0, packet.length, out, 1, 4, 1, source, 0)).toBe(0);
  expect(out.equals(Buffer.alloc(40))).toBe(true);
  const long = request([SOFTWARE]);
  expect(quickBinding(long.subarray(0, -4), 0, long.length, out, 0, 4, 1, source, 0)).toBe(0);
  expect(quickBinding(packet, 0, packet.length, out, 0, 4, 1, source, 0)).toBe(40);
});

it("CRC-32: the check value of its definition, and of nothing", () => {
  const digits = Buffer.from("..123456789..");
  expect(crc32Of(digits, 2, 11) >>> 0).toBe(0xcbf43926);
  expect(crc32Of(digits, 2, 2)).toBe(0);
});
