import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ipv4FromWord, ipv6FromWords, withPort } from "../../../src/stun/address.ts";
import * as attributes from "../../../src/stun/attributes.ts";
import type { StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE, ERROR_REASONS, type StunErrorCode } from "../../../src/stun/registry.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
const port = fc.integer({ min: 0, max: 0xffff });
const address = fc.oneof(
  fc.tuple(word, port).map(([w, p]) => withPort(ipv4FromWord(w), p)),
  fc.tuple(word, word, word, word, port).map(([a, b, c, d, p]) => withPort(ipv6FromWords(a, b, c, d), p)),
);
const transactionId = fc.uint8Array({ minLength: 12, maxLength: 12 });

const hexOf = ({ value }: StunAttribute) => Buffer.from(value).toString("hex");
const bytes = (hex: string) => Buffer.from(hex, "hex");

describe("addresses", () => {
  test("every address is read as it was written, plain and XORed", () => {
    fc.assert(
      fc.property(address, transactionId, (original, id) => {
        const plain = attributes.addressAttribute(ATTRIBUTE.mappedAddress, original);
        expect(attributes.readAddress(plain.value)).toEqual(original);
        const xored = attributes.xorAddressAttribute(ATTRIBUTE.xorPeerAddress, original, id);
        expect(xored.type).toBe(ATTRIBUTE.xorPeerAddress);
        expect(attributes.readXorAddress(xored.value, id)).toEqual(original);
      }),
    );
  });

  test("the first byte is ignored by readers (RFC 8489 section 14.1)", () => {
    expect(attributes.readAddress(bytes("ff01000cc0000201"))).toEqual(withPort(ipv4FromWord(0xc0000201), 12));
  });

  test.each([
    "",
    "0001",
    "0001000cc00002",
    "0001000cc000020100",
    "0002000cc0000201",
    "0003000cc0000201",
    `0001000c${"00".repeat(16)}`,
  ])("%j is no address", (hex) => {
    expect(attributes.readAddress(bytes(hex))).toBeUndefined();
    expect(attributes.readXorAddress(bytes(hex), new Uint8Array(12))).toBeUndefined();
  });
});

describe("numbers and flags", () => {
  test("LIFETIME and every other 32-bit value", () => {
    fc.assert(
      fc.property(word, (number) => {
        const { value } = attributes.uint32Attribute(ATTRIBUTE.lifetime, number);
        expect(attributes.readUint32(value)).toBe(number);
      }),
    );
    expect(hexOf(attributes.uint32Attribute(ATTRIBUTE.lifetime, 600))).toBe("00000258");
  });

  test("CHANNEL-NUMBER: 16 bits, then 16 that are reserved and ignored", () => {
    fc.assert(
      fc.property(port, (number) => {
        expect(attributes.readChannelNumber(attributes.channelNumberAttribute(number).value)).toBe(number);
      }),
    );
    expect(hexOf(attributes.channelNumberAttribute(0x4001))).toBe("40010000");
    expect(attributes.readChannelNumber(bytes("4001ffff"))).toBe(0x4001);
  });

  test("REQUESTED-TRANSPORT: the protocol, then 24 bits that are reserved and ignored", () => {
    expect(hexOf(attributes.requestedTransportAttribute(17))).toBe("11000000");
    expect(attributes.readRequestedTransport(bytes("11ffffff"))).toBe(17);
    expect(attributes.readRequestedTransport(attributes.requestedTransportAttribute(255).value)).toBe(255);
  });

  test("REQUESTED-ADDRESS-FAMILY: 1, 2, or a family that is neither", () => {
    const type = ATTRIBUTE.requestedAddressFamily;
    expect(hexOf(attributes.addressFamilyAttribute(type, 4))).toBe("01000000");
    expect(hexOf(attributes.addressFamilyAttribute(type, 6))).toBe("02000000");
    expect(attributes.readAddressFamily(bytes("01ffffff"))).toBe(4);
    expect(attributes.readAddressFamily(bytes("02000000"))).toBe(6);
    expect(attributes.readAddressFamily(bytes("03000000"))).toBe("unknown");
    expect(attributes.readAddressFamily(bytes("00000000"))).toBe("unknown");
  });

  test("ICMP: 16 bits that are reserved and ignored, 7 of the type, 9 of the code, error data", () => {
    expect(hexOf(attributes.icmpAttribute(3, 4, 1280))).toBe("0000060400000500");
    expect(attributes.readIcmp(bytes("ffff060400000500"))).toEqual({
      icmpType: 3,
      icmpCode: 4,
      errorData: 1280,
    });
    for (const hex of ["", "00000604000005", "000006040000050000"])
      expect(attributes.readIcmp(bytes(hex))).toBeUndefined();
  });

  test("EVEN-PORT: the R bit, seven that are ignored", () => {
    for (const reserveNext of [true, false]) {
      expect(attributes.readEvenPort(attributes.evenPortAttribute(reserveNext).value)).toEqual({
        reserveNext,
      });
    }
    expect(attributes.readEvenPort(bytes("ff"))).toEqual({ reserveNext: true });
    expect(attributes.readEvenPort(bytes("7f"))).toEqual({ reserveNext: false });
  });

  test("a value of the wrong length is undefined, in every reader", () => {
    const fixed = [
      [attributes.readUint32, 4],
      [attributes.readChannelNumber, 4],
      [attributes.readRequestedTransport, 4],
      [attributes.readAddressFamily, 4],
      [attributes.readEvenPort, 1],
    ] as const;
    for (const [read, length] of fixed) {
      for (let n = 0; n <= 8; n++) {
        expect(read(new Uint8Array(n)) === undefined).toBe(n !== length);
      }
    }
  });
});

describe("text", () => {
  test("every text is read as it was written", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        const { value } = attributes.textAttribute(ATTRIBUTE.username, text);
        expect(attributes.readText(value)).toBe(text);
      }),
    );
  });

  test("a byte order mark is part of the text: two usernames are never read as one", () => {
    expect(attributes.readText(bytes("efbbbf616c696365"))).toBe("\ufeffalice");
  });

  test("763 bytes are the longest (RFC 8489 section 14.9)", () => {
    expect(attributes.readText(new Uint8Array(763).fill(0x61))).toHaveLength(763);
    expect(attributes.readText(new Uint8Array(764).fill(0x61))).toBeUndefined();
  });

  test.each(["ff", "c0af", "eda080", "f4908080", "61c3"])("%s is not UTF-8", (hex) => {
    expect(attributes.readText(bytes(hex))).toBeUndefined();
  });
});

describe("errors", () => {
  test("every code of the registry is read as it was written", () => {
    for (const [code, reason] of Object.entries(ERROR_REASONS)) {
      const written = attributes.errorCodeAttribute(Number(code) as StunErrorCode);
      expect(attributes.readErrorCode(written.value)).toEqual({ code: Number(code), reason });
    }
  });

  test("ERROR-CODE 401 with an empty reason is four bytes: class 4, number 1", () => {
    expect(hexOf(attributes.errorCodeAttribute(401, ""))).toBe("00000401");
    expect(attributes.readErrorCode(bytes("00000401"))).toEqual({ code: 401, reason: "" });
  });

  test("21 bits are reserved and ignored", () => {
    expect(attributes.readErrorCode(bytes("fffffc26"))?.code).toBe(438);
  });

  test.each(["", "000004", "00000263", "00000701", "00000464", "000004ff", "00000401ff"])(
    "%j is no ERROR-CODE",
    (hex) => {
      expect(attributes.readErrorCode(bytes(hex))).toBeUndefined();
    },
  );

  test("UNKNOWN-ATTRIBUTES: the types, in order", () => {
    fc.assert(
      fc.property(fc.array(port), (types) => {
        const { value } = attributes.unknownAttributesAttribute(types);
        expect(attributes.readUnknownAttributes(value)).toEqual(types);
      }),
    );
    expect(attributes.readUnknownAttributes(bytes("00"))).toBeUndefined();
    expect(attributes.readUnknownAttributes(bytes("000100"))).toBeUndefined();
  });
});

test("no reader throws, whatever the bytes", () => {
  const readers = [
    attributes.readAddress,
    (value: Uint8Array) => attributes.readXorAddress(value, new Uint8Array(12)),
    attributes.readUint32,
    attributes.readChannelNumber,
    attributes.readRequestedTransport,
    attributes.readAddressFamily,
    attributes.readEvenPort,
    attributes.readText,
    attributes.readErrorCode,
    attributes.readUnknownAttributes,
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
      for (const read of readers) read(value);
    }),
    { numRuns: 2000 },
  );
});
