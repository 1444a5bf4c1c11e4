import { describe, expect, it } from "vitest";
import { formatIp, parseCidr } from "../../../src/stun/address.ts";
import { createRelayTargetPolicy, type RelayTargetOptions } from "../../../src/turn/relay-target-policy.ts";
import { deniedIpv4, deniedIpv6, embeddings, addressOf as ip } from "../../support/denied-addresses.ts";

function cidrs(...texts: string[]) {
  return texts.map((text) => {
    const parsed = parseCidr(text);
    if (parsed === undefined) throw new Error(`not a network: ${text}`);
    return parsed;
  });
}

function policy(options: Partial<RelayTargetOptions> = {}) {
  return createRelayTargetPolicy({
    allow: [],
    deny: [],
    lan: false,
    dev: false,
    relayIps: [],
    otherOwnIps: [],
    ...options,
  });
}

type Named = readonly [name: string, ...addresses: string[]];

const DENIED_IPV4: readonly Named[] = [
  ["unspecified", "0.0.0.0", "0.255.255.255"],
  ["private", "10.0.0.0", "10.255.255.255"],
  ["shared, with a cloud's metadata", "100.64.0.0", "100.100.100.200", "100.127.255.255"],
  ["loopback", "127.0.0.1", "127.255.255.255"],
  ["link-local, with the other clouds' metadata", "169.254.0.0", "169.254.169.254", "169.254.255.255"],
  ["private", "172.16.0.0", "172.31.255.255"],
  ["protocol assignments", "192.0.0.0", "192.0.0.255"],
  ["documentation", "192.0.2.1", "198.51.100.255", "203.0.113.9"],
  ["6to4 anycast", "192.88.99.1"],
  ["private", "192.168.0.0", "192.168.255.255"],
  ["benchmarking", "198.18.0.0", "198.19.255.255"],
  ["multicast", "224.0.0.1", "239.255.255.255"],
  ["reserved and broadcast", "240.0.0.1", "255.255.255.255"],
];

const DENIED_IPV6: readonly Named[] = [
  ["unspecified and loopback", "::", "::1"],
  ["link-local", "fe80::1", "febf:ffff::1"],
  ["site-local", "fec0::1"],
  ["unique local", "fc00::1", "fdff::1"],
  ["multicast", "ff02::1"],
  ["documentation", "2001:db8::1", "3fff::1"],
  ["benchmarking", "2001:2::1"],
  ["ORCHID", "2001:10::1", "2001:2f::1"],
  [
    "protocol assignments, with the network's own PCP server",
    "2001:1::1",
    "2001:1::2",
    "2001:5::1",
    "2001:1ff::1",
  ],
  ["Teredo, whatever it stands for", "2001:0:808:808::f7f7:f7f7"],
  ["discard-only", "100::1"],
  ["segment routing", "5f00::1"],
  ["NAT64 of local use", "64:ff9b:1::808:808"],
  ["nothing assigned", "4000::1", "e000::1"],
];

describe("by default", () => {
  it.each([
    "8.8.8.8",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.169.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2600::1",
    "2a00:1450::1",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
  ])("%s on the public internet is allowed", (text) => {
    expect(policy().judge(ip(text))).toBe("allowed");
  });

  it.each([...DENIED_IPV4, ...DENIED_IPV6])("%s is denied: %s", (_name, ...texts) => {
    for (const text of texts) expect(policy().judge(ip(text)), text).toBe("denied");
  });

  it.each(DENIED_IPV4)("%s is denied in every IPv6 form: %s", (_name, ...texts) => {
    for (const text of texts.flatMap(embeddings)) expect(policy().judge(ip(text)), text).toBe("denied");
  });

  it("every form of every denied address is denied", () => {
    const denied = [...deniedIpv4(), ...deniedIpv6()];
    expect(denied.length).toBeGreaterThan(300);
    for (const address of denied) expect(policy().judge(address), formatIp(address)).toBe("denied");
  });

  it("an IPv4-mapped address is denied even where the IPv4 address is public: it never is on the wire", () => {
    expect(policy().judge(ip("::ffff:8.8.8.8"))).toBe("denied");
  });
});

describe("--allow-relay-to and --deny-relay-to", () => {
  it("opens what is named and nothing beside it", () => {
    const { judge } = policy({ allow: cidrs("10.1.0.0/16", "fd00:1::/32") });
    expect(judge(ip("10.1.2.3"))).toBe("allowed");
    expect(judge(ip("fd00:1::7"))).toBe("allowed");
    expect(judge(ip("10.2.0.1"))).toBe("denied");
    expect(judge(ip("fd00:2::7"))).toBe("denied");
  });

  it("opens the NAT64 form of what is named", () => {
    expect(policy({ allow: cidrs("10.1.0.0/16") }).judge(ip("64:ff9b::10.1.2.3"))).toBe("allowed");
  });

  it("closes what is named, in every form, and wins over an opening", () => {
    const { judge } = policy({ allow: cidrs("8.0.0.0/8"), deny: cidrs("8.8.8.0/24") });
    for (const text of ["8.8.8.8", ...embeddings("8.8.8.8")]) expect(judge(ip(text)), text).toBe("denied");
    expect(judge(ip("8.8.9.8"))).toBe("allowed");
  });
});

describe("--lan and --dev", () => {
  it("--lan opens the private ranges and neither loopback nor metadata addresses", () => {
    const { judge } = policy({ lan: true });
    for (const text of ["10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1"]) {
      expect(judge(ip(text)), text).toBe("allowed");
    }
    for (const text of ["127.0.0.1", "::1", "169.254.169.254", "100.100.100.200", "fe80::1"]) {
      expect(judge(ip(text)), text).toBe("denied");
    }
  });

  it("--dev opens loopback and no private range", () => {
    const { judge } = policy({ dev: true });
    expect(judge(ip("127.0.0.1"))).toBe("allowed");
    expect(judge(ip("::1"))).toBe("allowed");
    expect(judge(ip("10.0.0.1"))).toBe("denied");
    expect(judge(ip("0.0.0.0"))).toBe("denied");
  });
});

describe("own addresses", () => {
  const own = policy({
    relayIps: [ip("192.0.2.7"), ip("2001:db8::7"), ip("10.0.0.5")],
    otherOwnIps: [ip("198.51.100.1"), ip("5.5.5.5")],
  });

  it("are reached inside the process only, whatever range they are in", () => {
    for (const text of ["192.0.2.7", "2001:db8::7", "10.0.0.5"]) {
      expect(own.judge(ip(text)), text).toBe("own");
    }
  });

  it("in another form are denied", () => {
    for (const text of embeddings("192.0.2.7")) expect(own.judge(ip(text)), text).toBe("denied");
    for (const text of embeddings("5.5.5.5")) expect(own.judge(ip(text)), text).toBe("denied");
  });

  it("on which nothing is relayed are denied, public or opened", () => {
    expect(own.judge(ip("5.5.5.5"))).toBe("denied");
    const opened = policy({ otherOwnIps: [ip("10.0.0.5")], lan: true });
    expect(opened.judge(ip("10.0.0.5"))).toBe("denied");
    expect(opened.judge(ip("10.0.0.6"))).toBe("allowed");
  });

  it("on loopback under --dev reach other programs of this machine too", () => {
    const dev = policy({ dev: true, relayIps: [ip("127.0.0.1")], otherOwnIps: [ip("::1")] });
    expect(dev.judge(ip("127.0.0.1"))).toBe("own-open");
    expect(dev.judge(ip("::1"))).toBe("allowed");
  });
});
