import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cidrContains,
  formatIp,
  formatTransportAddress,
  type IpAddress,
  ipv4FromWord,
  ipv6FromWords,
  networks,
  parseCidr,
  parseIp,
  parseIpv4,
  parseIpv6,
  sameIp,
  sameTransportAddress,
  unmapIpv4,
  urlHost,
  withPort,
} from "../../../src/stun/address.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
/** Zero words are frequent, so that "::" is. */
const sparseWord = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff }), word);
const ipv4 = word.map(ipv4FromWord);
const ipv6 = fc.tuple(sparseWord, sparseWord, sparseWord, sparseWord).map((w) => ipv6FromWords(...w));

/** Text that looks like an address more often than not. */
const almostAddress = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ".",
        ":",
        "::",
        "%",
        "/",
        "0",
        "00",
        "255",
        "256",
        "ffff",
        "fffff",
        "x",
        "-1",
        " ",
        "1e1",
      ),
      fc.integer({ min: 0, max: 70000 }).map(String),
      fc.integer({ min: 0, max: 0x1ffff }).map((n) => n.toString(16)),
    ),
    { maxLength: 17 },
  )
  .map((parts) => parts.join(""));

function parsed(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return ip;
}

describe("parseIp", () => {
  test("reads the words of an address", () => {
    expect(parseIpv4("192.0.2.1")).toEqual({ family: 4, w0: 0, w1: 0, w2: 0, w3: 0xc0000201 });
    expect(parseIpv4("255.255.255.255")).toEqual({ family: 4, w0: 0, w1: 0, w2: 0, w3: 0xffffffff });
    expect(parseIpv6("2001:db8:1234:5678:11:2233:4455:6677")).toEqual({
      family: 6,
      w0: 0x20010db8,
      w1: 0x12345678,
      w2: 0x00112233,
      w3: 0x44556677,
    });
    expect(parseIpv6("::ffff:192.0.2.1")).toEqual({ family: 6, w0: 0, w1: 0, w2: 0xffff, w3: 0xc0000201 });
    expect(parseIpv6("::")).toEqual({ family: 6, w0: 0, w1: 0, w2: 0, w3: 0 });
    expect(parseIpv6("1:2:3:4:5:6:7::")).toEqual({
      family: 6,
      w0: 0x10002,
      w1: 0x30004,
      w2: 0x50006,
      w3: 0x70000,
    });
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "010.0.0.1", // octal to inet_aton
    "1.2.3.04",
    "00.0.0.0",
    "0x7f.0.0.1",
    "2130706433", // 127.0.0.1 in decimal
    "127.1",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "１.2.3.4",
    "localhost",
    "fe80::1%eth0", // a zone is not part of an address
    "::1%1",
    "[::1]",
    ":::",
    "1:::2",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "12345::",
    "g::",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "::1.2.3",
    "::1.2.3.04",
    "1:2:3:4:5:6:7:1.2.3.4",
    "0".repeat(100_000),
    ":".repeat(100_000),
  ])("refuses %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("agrees with node:net on every text", () => {
    fc.assert(
      fc.property(fc.oneof(almostAddress, fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        // node:net takes a zone, we do not.
        const family = text.includes("%") ? 0 : isIP(text);
        expect(parseIp(text)?.family ?? 0).toBe(family);
      }),
      { numRuns: 5000 },
    );
  });

  test("reads what node:net writes: every address, however it is spelled", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const family = isIPv4(text) ? "ipv4" : "ipv6";
        const canonical = new SocketAddress({ address: text, family }).address;
        expect(sameIp(parsed(text), parsed(canonical))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("formatIp", () => {
  test("writes what it was read from", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (ip) => {
        const text = formatIp(ip);
        expect(sameIp(parsed(text), ip)).toBe(true);
        expect(isIP(text)).toBe(ip.family);
      }),
      { numRuns: 5000 },
    );
  });

  test("writes RFC 5952, the form of node:net", () => {
    fc.assert(
      fc.property(ipv6, (ip) => {
        // For ::a.b.c.d, deprecated by RFC 4291, inet_ntop writes dots and RFC 5952 does not ask for them.
        fc.pre(ip.w0 !== 0 || ip.w1 !== 0 || ip.w2 !== 0);
        const text = formatIp(ip);
        expect(text).toBe(new SocketAddress({ address: text, family: "ipv6" }).address);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["2001:DB8::0001", "2001:db8::1"], // section 4.3 lower case, 4.1 no leading zeros
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"], // 4.2.1 as short as possible
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // 4.2.2 not for one group
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // 4.2.3 the longest run
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // 4.2.3 the first of equals
    ["::ffff:c000:201", "::ffff:192.0.2.1"], // 5 mapped addresses with dots
    ["0:0:0:0:0:0:0:0", "::"],
    ["1:0:0:0:0:0:0:0", "1::"],
  ])("RFC 5952: %s is written %s", (text, canonical) => {
    expect(formatIp(parsed(text))).toBe(canonical);
  });

  test("writes a transport address with brackets around IPv6", () => {
    expect(formatTransportAddress(withPort(parsed("192.0.2.1"), 3478))).toBe("192.0.2.1:3478");
    expect(formatTransportAddress(withPort(parsed("2001:db8::1"), 0))).toBe("[2001:db8::1]:0");
  });
});

describe("equality", () => {
  test("two addresses are the same when family and words are", () => {
    expect(sameIp(parsed("0.0.0.1"), parsed("::1"))).toBe(false);
    expect(sameIp(parsed("::ffff:1.2.3.4"), parsed("1.2.3.4"))).toBe(false);
    expect(sameIp(parsed("2001:db8::1"), parsed("2001:DB8:0::1"))).toBe(true);
    for (const other of ["1:0:0:0:0:0:0:0", "0:0:1:0:0:0:0:0", "0:0:0:0:1:0:0:0", "0:0:0:0:0:0:1:0"]) {
      expect(sameIp(parsed("::"), parsed(other))).toBe(false);
    }
  });

  test("a transport address counts its port too", () => {
    const ip = parsed("192.0.2.1");
    expect(sameTransportAddress(withPort(ip, 1), withPort(ip, 1))).toBe(true);
    expect(sameTransportAddress(withPort(ip, 1), withPort(ip, 2))).toBe(false);
    expect(sameTransportAddress(withPort(ip, 1), withPort(parsed("192.0.2.2"), 1))).toBe(false);
  });

  test("unmapIpv4 turns ::ffff:a.b.c.d into a.b.c.d and leaves the rest", () => {
    expect(unmapIpv4(parsed("::ffff:127.0.0.1"))).toEqual(parsed("127.0.0.1"));
    for (const text of ["::127.0.0.1", "::fffe:7f00:1", "64:ff9b::7f00:1", "127.0.0.1", "::1"]) {
      expect(unmapIpv4(parsed(text))).toEqual(parsed(text));
    }
  });
});

describe("CIDR", () => {
  test.each([
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/08",
    "10.0.0.0/+8",
    "/8",
    "::/129",
    "10.0.0/8",
    "10.0.0.0 /8",
    "10.0.0.0/1e1",
    "a/8",
    "",
  ])("refuses %j", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("a single address is a network of one", () => {
    expect(parseCidr("192.0.2.1")?.prefixLength).toBe(32);
    expect(parseCidr("::1")?.prefixLength).toBe(128);
  });

  test.each([
    ["0.0.0.0/0", "255.255.255.255", true],
    ["0.0.0.0/0", "::", false],
    ["::/0", "1.2.3.4", false],
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["128.0.0.0/1", "255.0.0.1", true],
    ["128.0.0.0/1", "127.255.255.255", false],
    ["fc00::/7", "fdff::1", true],
    ["fc00::/7", "fe00::1", false],
    ["2001:db8::/32", "2001:db8:ffff::", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["64:ff9b::/96", "64:ff9b::7f00:1", true],
    ["64:ff9b::/96", "64:ff9b::1:0:0", false],
    ["::1/128", "::1", true],
    ["::1/128", "::2", false],
  ])("%s contains %s: %s", (network, ip, contained) => {
    const cidr = parseCidr(network);
    expect(cidr && cidrContains(cidr, parsed(ip))).toBe(contained);
  });

  test("agrees with node:net's BlockList", () => {
    const pair = fc.oneof(
      fc.tuple(ipv4, ipv4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(ipv6, ipv6, fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(pair, fc.boolean(), ([base, other, prefixLength], near) => {
        // Far addresses share no prefix; a near one differs in the last word only.
        const ip = near ? { ...base, w3: other.w3 } : other;
        // BlockList compares a mapped address as the IPv4 address that it stands for.
        fc.pre(unmapIpv4(ip).family === ip.family && unmapIpv4(base).family === base.family);
        const family = base.family === 4 ? "ipv4" : "ipv6";
        const list = new BlockList();
        list.addSubnet(formatIp(base), prefixLength, family);
        expect(cidrContains({ base, prefixLength }, ip)).toBe(list.check(formatIp(ip), family));
        expect(isIPv6(formatIp(ip))).toBe(ip.family === 6);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("for URLs and for lists in the code", () => {
  test("only an IPv6 address stands in brackets", () => {
    expect(["call.example", "192.0.2.1", "2001:db8::1"].map(urlHost)).toEqual([
      "call.example",
      "192.0.2.1",
      "[2001:db8::1]",
    ]);
  });

  test("a network that is none is a defect, told at once; the others are read", () => {
    expect(() => networks("10.0.0.0/8", "10.0.0.0/33")).toThrow("not a network: 10.0.0.0/33");
    expect(networks("10.0.0.0/8").map(({ prefixLength }) => prefixLength)).toEqual([8]);
  });
});
