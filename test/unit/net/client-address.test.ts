import { describe, expect, test } from "vitest";
import { identifyClient, limitKey, type RequestFacts } from "../../../src/net/client-address.ts";
import { type Cidr, formatIp, type IpAddress, parseCidr, parseIp } from "../../../src/stun/address.ts";

function cidrs(...texts: string[]): Cidr[] {
  return texts.map((text) => parseCidr(text) as Cidr);
}

function request(facts: Partial<RequestFacts>): RequestFacts {
  return {
    remoteAddress: "198.51.100.7",
    localAddress: () => "192.0.2.1",
    encrypted: false,
    headers: {},
    ...facts,
  };
}

function addressOf(facts: Partial<RequestFacts>, trusted: Cidr[] = []): string | undefined {
  const client = identifyClient(request(facts), trusted);
  return client === undefined ? undefined : formatIp(client.ip);
}

describe("the client's address", () => {
  const PROXIES = cidrs("10.0.0.0/8", "fd00::/8");
  const forwarded = (value: string, remoteAddress = "10.0.0.1") =>
    addressOf({ remoteAddress, headers: { "x-forwarded-for": value } }, PROXIES);

  test("is the socket's, and headers count for nothing, when no proxy is trusted", () => {
    expect(addressOf({ headers: { "x-forwarded-for": "203.0.113.9" } })).toBe("198.51.100.7");
  });

  test("is the socket's when the socket is no trusted proxy", () => {
    expect(forwarded("203.0.113.9", "198.51.100.7")).toBe("198.51.100.7");
  });

  test("is what a trusted proxy says", () => {
    expect(forwarded("203.0.113.9")).toBe("203.0.113.9");
  });

  test("is the last untrusted hop: what the client wrote itself stands further left and is ignored", () => {
    expect(forwarded("1.1.1.1, 203.0.113.9, 10.0.0.2")).toBe("203.0.113.9");
    expect(forwarded("10.9.9.9, 203.0.113.9")).toBe("203.0.113.9");
  });

  test("is the outermost proxy when every hop is trusted", () => {
    expect(forwarded("10.0.0.3, 10.0.0.2")).toBe("10.0.0.3");
  });

  test("is the proxy itself when it sends no header", () => {
    expect(addressOf({ remoteAddress: "10.0.0.1" }, PROXIES)).toBe("10.0.0.1");
  });

  test.each(["", ",", "unknown", "_hidden", "999.1.1.1", "203.0.113.9, evil", "010.0.0.1", "a".repeat(5000)])(
    "is the proxy itself when the last hop is garbage: %.20s",
    (value) => {
      expect(forwarded(value)).toBe("10.0.0.1");
    },
  );

  test("is the hop that passed garbage on", () => {
    expect(forwarded("garbage, 10.0.0.2")).toBe("10.0.0.2");
  });

  test("may be written with a port or in brackets", () => {
    expect(forwarded("203.0.113.9:4711")).toBe("203.0.113.9");
    expect(forwarded("[2001:db8::9]:4711")).toBe("2001:db8::9");
    expect(forwarded("2001:db8::9")).toBe("2001:db8::9");
  });

  test("is IPv4 where IPv6 only carries it", () => {
    expect(addressOf({ remoteAddress: "::ffff:198.51.100.7" })).toBe("198.51.100.7");
    expect(forwarded("::ffff:203.0.113.9", "::ffff:10.0.0.1")).toBe("203.0.113.9");
  });

  test("has no zone", () => {
    expect(addressOf({ remoteAddress: "fe80::1%eth0" })).toBe("fe80::1");
  });

  test("passes IPv6 proxies", () => {
    expect(forwarded("2001:db8::9, fd00::2", "fd00::1")).toBe("2001:db8::9");
  });

  test("is read from several headers as from one", () => {
    const headers = { "x-forwarded-for": ["203.0.113.9", "10.0.0.2"] as unknown as string };
    expect(addressOf({ remoteAddress: "10.0.0.1", headers }, PROXIES)).toBe("203.0.113.9");
  });

  test("is unknown once the socket is gone", () => {
    expect(addressOf({ remoteAddress: undefined })).toBeUndefined();
  });
});

describe("https", () => {
  const PROXIES = cidrs("10.0.0.0/8");
  const secure = (facts: Partial<RequestFacts>) => identifyClient(request(facts), PROXIES)?.secure;

  test("is the socket's own, whatever an untrusted client claims", () => {
    expect(secure({ encrypted: true })).toBe(true);
    expect(secure({ headers: { "x-forwarded-proto": "https" } })).toBe(false);
  });

  test("is what a trusted proxy says", () => {
    expect(secure({ remoteAddress: "10.0.0.1", headers: { "x-forwarded-proto": "https" } })).toBe(true);
    expect(secure({ remoteAddress: "10.0.0.1", headers: { "x-forwarded-proto": "WSS" } })).toBe(true);
    expect(
      secure({ remoteAddress: "10.0.0.1", encrypted: true, headers: { "x-forwarded-proto": "http" } }),
    ).toBe(false);
    expect(secure({ remoteAddress: "10.0.0.1", encrypted: true })).toBe(true);
  });

  test("is what the outermost trusted proxy saw, not what the client wrote before it", () => {
    const headers = { "x-forwarded-for": "203.0.113.9, 10.0.0.2", "x-forwarded-proto": "https, http, https" };
    expect(secure({ remoteAddress: "10.0.0.1", headers })).toBe(false);
  });
});

describe("the host", () => {
  const PROXIES = cidrs("10.0.0.0/8");
  const host = (facts: Partial<RequestFacts>) => identifyClient(request(facts), PROXIES)?.host;

  test.each([
    ["call.example.org", "call.example.org"],
    ["Call.Example.org:8080", "call.example.org"],
    ["203.0.113.9:80", "203.0.113.9"],
    ["[2001:DB8::9]:8080", "2001:db8::9"],
    ["[2001:db8::9]", "2001:db8::9"],
  ])("is the name without port: %s", (header, name) => {
    expect(host({ headers: { host: header } })).toBe(name);
  });

  test.each(["", "a b", "evil/path", "user@host", "[::zz]", "name:port", "x".repeat(300), "a?transport=udp"])(
    "is the address that was reached when the header is no name: %.20s",
    (header) => {
      expect(host({ headers: { host: header } })).toBe("192.0.2.1");
    },
  );

  test("is X-Forwarded-Host only from a trusted proxy", () => {
    const headers = { host: "inner.example", "x-forwarded-host": "call.example.org" };
    expect(host({ headers })).toBe("inner.example");
    expect(host({ remoteAddress: "10.0.0.1", headers })).toBe("call.example.org");
  });

  test("is localhost when nothing is known", () => {
    expect(host({ localAddress: () => undefined })).toBe("localhost");
  });
});

test("limits count an IPv4 address, and all of an IPv6 /64 as one", () => {
  const key = (text: string) => limitKey(parseIp(text) as IpAddress);
  expect(key("203.0.113.9")).not.toBe(key("203.0.113.10"));
  expect(key("2001:db8::1")).toBe(key("2001:db8::ffff:1"));
  expect(key("2001:db8:0:1::1")).not.toBe(key("2001:db8::1"));
});

describe("the origin of the server's own pages", () => {
  const PROXIES = cidrs("10.0.0.0/8");
  const origin = (facts: Partial<RequestFacts>) => identifyClient(request(facts), PROXIES)?.ownOrigin();

  test.each([
    ["call.example:8080", false, "http://call.example:8080"],
    ["Call.Example:80", false, "http://call.example"],
    ["call.example:443", true, "https://call.example"],
    ["call.example:443", false, "http://call.example:443"],
    ["[2001:DB8::1]:8443", true, "https://[2001:db8::1]:8443"],
  ])("with the Host header %s and encrypted: %s is %s", (host, encrypted, expected) => {
    expect(origin({ headers: { host }, encrypted })).toBe(expected);
  });

  test("is what a trusted proxy says that the client asked for", () => {
    const headers = { host: "inside:8080", "x-forwarded-host": "call.example", "x-forwarded-proto": "https" };
    expect(origin({ remoteAddress: "10.0.0.1", headers })).toBe("https://call.example");
    expect(origin({ headers })).toBe("http://inside:8080");
  });

  test.each([undefined, "", "a b", "user@call.example", "call.example/path", "call.example:99999", "[::1"])(
    "is unknown with the Host header %s",
    (host) => {
      expect(origin({ headers: host === undefined ? {} : { host } })).toBeUndefined();
    },
  );
});
