/** Literal bytes of the PROXY protocol, as https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt has them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readProxyHeader } from "../../../src/net/proxy-header.ts";
import { formatTransportAddress } from "../../../src/stun/address.ts";

const text = (words: string) => Buffer.from(words, "latin1");
const SIGNATURE = "0d0a0d0a000d0a515549540a";
const binary = (...hex: string[]) => Buffer.from(`${SIGNATURE}${hex.join("")}`.replaceAll(" ", ""), "hex");

/** "malformed", "none", "incomplete", or the header's size and whom it names. */
function read(bytes: Uint8Array): string {
  const header = readProxyHeader(bytes);
  if (header.kind !== "header") return header.kind;
  const { ends } = header;
  const named =
    ends && `${formatTransportAddress(ends.source)} > ${formatTransportAddress(ends.destination)}`;
  return `${header.bytes} ${named ?? "nobody"}`;
}

const TEXT_HEADERS: [string, string][] = [
  [
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    "255.255.255.255:65535 > 255.255.255.255:65535",
  ],
  ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324 > 192.168.0.11:443"],
  ["PROXY TCP4 203.0.113.9 192.0.2.1 0 0\r\n", "203.0.113.9:0 > 192.0.2.1:0"],
  ["PROXY TCP6 2001:db8::9 2001:db8::1 56324 443\r\n", "[2001:db8::9]:56324 > [2001:db8::1]:443"],
  ["PROXY TCP6 ::ffff:203.0.113.9 ::ffff:192.0.2.1 56324 443\r\n", "203.0.113.9:56324 > 192.0.2.1:443"],
  [
    `PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`,
    `[${"ffff:".repeat(7)}ffff]:65535 > [${"ffff:".repeat(7)}ffff]:65535`,
  ],
  ["PROXY UNKNOWN\r\n", "nobody"],
  [`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`, "nobody"],
  ["PROXY UNKNOWN whatever it is\r\n", "nobody"],
];

const IPV4_ENDS = "cb007109 c0000201 dc04 01bb";
const IPV6_ENDS = "20010db8000000000000000000000009 20010db8000000000000000000000001 dc04 01bb";
const BINARY_HEADERS: [string, Buffer, string][] = [
  ["TCP over IPv4", binary("21 11 000c", IPV4_ENDS), "203.0.113.9:56324 > 192.0.2.1:443"],
  ["UDP over IPv4", binary("21 12 000c", IPV4_ENDS), "203.0.113.9:56324 > 192.0.2.1:443"],
  ["TCP over IPv6", binary("21 21 0024", IPV6_ENDS), "[2001:db8::9]:56324 > [2001:db8::1]:443"],
  ["UDP over IPv6", binary("21 22 0024", IPV6_ENDS), "[2001:db8::9]:56324 > [2001:db8::1]:443"],
  [
    "TLVs after the addresses",
    binary("21 11 0013", IPV4_ENDS, "04 0004 00000000"),
    "203.0.113.9:56324 > 192.0.2.1:443",
  ],
  [
    "IPv4 in IPv6",
    binary("21 21 0024 00000000000000000000ffffcb007109 00000000000000000000ffffc0000201 dc04 01bb"),
    "203.0.113.9:56324 > 192.0.2.1:443",
  ],
  ["unspecified", binary("21 00 0000"), "nobody"],
  ["unspecified, with a TLV", binary("21 00 0007 04 0004 00000000"), "nobody"],
  ["a Unix socket", binary("21 31 00d8", "61".repeat(216)), "nobody"],
  ["LOCAL", binary("20 00 0000"), "nobody"],
  ["LOCAL, whose addresses say nothing", binary("20 11 000c", IPV4_ENDS), "nobody"],
  ["LOCAL, whose family is none", binary("20 ff 0001 00"), "nobody"],
  ["as many TLVs as are taken", binary("21 00 0ff0", "00".repeat(4080)), "nobody"],
];

const HEADERS: [string, Buffer, string][] = [
  ...TEXT_HEADERS.map(([line, ends]): [string, Buffer, string] => [line.trim(), text(line), ends]),
  ...BINARY_HEADERS,
];

describe("a header", () => {
  test.each(HEADERS)("%s", (_name, bytes, ends) => {
    expect(read(bytes)).toBe(`${bytes.length} ${ends}`);
  });

  test.each(HEADERS)("ends where it ends, whatever follows: %s", (_name, bytes, ends) => {
    expect(read(Buffer.concat([bytes, text("GET / HTTP/1.1\r\n")]))).toBe(`${bytes.length} ${ends}`);
    expect(read(Buffer.concat([bytes, bytes]))).toBe(`${bytes.length} ${ends}`);
  });

  test.each(HEADERS)("is incomplete up to its last byte: %s", (_name, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(read(bytes.subarray(0, length))).toBe("incomplete");
    }
  });
});

describe("malformed is", () => {
  const lines = [
    "PROXY\r\n",
    "PROXYTCP4 203.0.113.9 192.0.2.1 56324 443\r\n",
    "PROXY  TCP4 203.0.113.9 192.0.2.1 56324 443\r\n",
    "PROXY \r\n",
    "PROXY tcp4 203.0.113.9 192.0.2.1 56324 443\r\n",
    "PROXY UDP4 203.0.113.9 192.0.2.1 56324 443\r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 56324\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443 \r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443 5\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 0443 443\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 -1 443\r\n",
    "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443x\r\n",
    "PROXY TCP4 203.0.113.009 192.0.2.1 56324 443\r\n",
    "PROXY TCP4 2001:db8::9 2001:db8::1 56324 443\r\n",
    "PROXY TCP6 203.0.113.9 192.0.2.1 56324 443\r\n",
    "PROXY TCP6 2001:db8::9%eth0 2001:db8::1 56324 443\r\n",
    "PROXY TCP4 call.example 192.0.2.1 56324 443\r\n",
    "PROXY / HTTP/1.1\r\n",
    `PROXY UNKNOWN ${"x".repeat(94)}\r\n`,
    `PROXY UNKNOWN ${"x".repeat(1000)}`,
  ];
  test.each(lines)("%j", (line) => {
    expect(read(text(line))).toBe("malformed");
  });

  test.each([
    ["version 1 in the binary form", binary("11 11 000c", IPV4_ENDS)],
    ["version 3", binary("31 11 000c", IPV4_ENDS)],
    ["an unknown command", binary("22 11 000c", IPV4_ENDS)],
    ["an unknown family", binary("21 41 000c", IPV4_ENDS)],
    ["an unknown transport", binary("21 13 000c", IPV4_ENDS)],
    ["a family without transport", binary("21 10 000c", IPV4_ENDS)],
    ["less than two IPv4 addresses", binary("21 11 000b", IPV4_ENDS)],
    ["less than two IPv6 addresses", binary("21 21 0023", IPV6_ENDS)],
    ["too long to be believed, before it has come", binary("21 00 0ff1")],
    ["as long as can be", binary("20 00 ffff")],
  ])("%s", (_name, bytes) => {
    expect(read(bytes)).toBe("malformed");
  });
});

test("what begins otherwise is no header, from its first byte that differs on", () => {
  const others = [
    "GET / HTTP/1.1",
    "POST / HTTP/1.1",
    "PRI * HTTP/2.0",
    "PROPFIND / HTTP/1.1",
    "PROXX",
    "proxy",
    "\r\n\r\nGET",
  ];
  for (const words of others) expect(read(text(words))).toBe("none");
  for (const hex of ["16030102", "000100002112a442", "40000001", "ff", "0d0a0d0a000d0a515549540b"]) {
    expect(read(Buffer.from(hex, "hex"))).toBe("none");
  }
  expect(read(text(""))).toBe("incomplete");
  expect(read(text("PRO"))).toBe("incomplete");
});

test("of any bytes, mutated headers too: never throws, is bounded, and more bytes change nothing that was said", () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...HEADERS.map(([, bytes]) => bytes)),
      fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }),
      fc.uint8Array({ maxLength: 64 }),
    )
    .map(([header, changes, more]) => {
      const bytes = Buffer.concat([header, more]);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes;
    });
  const longest = Math.max(...HEADERS.map(([, bytes]) => bytes.length));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), fc.nat(400), (bytes, cut) => {
      const whole = readProxyHeader(bytes);
      if (whole.kind === "header") expect(whole.bytes).toBeLessThanOrEqual(Math.min(bytes.length, longest));
      const early = readProxyHeader(bytes.subarray(0, cut));
      if (early.kind !== "incomplete") expect(early).toEqual(whole);
      else expect(cut).toBeLessThan(longest);
    }),
    { numRuns: 5000 },
  );
});
