import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/config/parse.ts";
import { type ConfigInput, SETTINGS } from "../../../src/config/schema.ts";
import { formatIp, parseCidr } from "../../../src/stun/address.ts";
import { errorLines } from "../../support/config-errors.ts";

/** What programs in JavaScript and files may hold, whatever the types say. */
function parse(input: unknown) {
  return parseConfig(input as ConfigInput);
}

function expectErrors(input: unknown, lines: readonly string[]): void {
  expect(errorLines(() => parse(input))).toEqual(lines);
  expect(parse({}).realm).toBe("turnpike");
}

describe("with nothing said", () => {
  test("every setting has the default that it declares", () => {
    const config = parse({});
    const plain = SETTINGS.filter(({ default: value }) => typeof value !== "string" && value !== undefined);
    for (const setting of plain.filter(({ key }) => key !== "secrets")) {
      const value = setting.path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], config);
      expect([setting.key, value]).toEqual([setting.key, setting.default]);
    }
  });

  test("it listens everywhere, without TLS, and relays for the whole dynamic range", () => {
    const config = parse({});
    expect(config.hosts.map(formatIp)).toEqual(["0.0.0.0", "::"]);
    expect(config.hostsAreDefault).toBe(true);
    expect(config.tls).toBeUndefined();
    expect(config.publicHost).toBeUndefined();
    expect(config.relayPorts).toEqual({ min: 49_152, max: 65_535 });
    expect(formatIp(config.adminHost)).toBe("127.0.0.1");
  });

  test("there is a random secret, another one each time", () => {
    const [first, second] = [parse({}), parse({})];
    expect(first.secretIsRandom).toBe(true);
    expect(first.secrets).toHaveLength(1);
    expect(first.secrets[0]?.length).toBeGreaterThan(32);
    expect(first.secrets).not.toEqual(second.secrets);
  });

  test.each([
    [2, true, 12],
    [5, false, 48],
  ])("a room of %i decides the call's end and the quota", (roomSize, clearOnLeave, quota) => {
    const config = parse({ roomSize });
    expect(config.clearOnLeave).toBe(clearOnLeave);
    expect(config.limits.maxAllocationsPerMember).toBe(quota);
  });
});

describe("TURN servers of others", () => {
  const turnUrls = ["turn:a.example:3478?transport=udp", "turns:[2001:db8::1]", "stun:a.example"];

  test("are taken as they are written", () => {
    expect(parse({ turnUrls, secrets: ["shared"] }).turnUrls).toEqual(turnUrls);
  });

  test("need a secret that they share", () => {
    expectErrors({ turnUrls }, [
      "secrets: is missing; the servers of turnUrls take credentials that are signed with a secret they share",
    ]);
  });

  test.each([
    "a.example",
    "http://a.example",
    "turn:a.example:0",
    "turn:a.example:65536",
    "turn:",
    "turn:a b",
    "stun:a.example?transport=udp",
    "turn://a.example",
    "turn:a.example?transport=tls",
  ])("%s is none", (url) => {
    expectErrors({ turnUrls: [url], secrets: ["shared"] }, [
      `turnUrls[0] ${JSON.stringify(url)}: must be a URL like turn:turn.example.com:3478?transport=udp, turns:turn.example.com:443 or stun:…`,
    ]);
  });
});

describe("several nodes", () => {
  const redis = "redis://:hunter2@redis.example:6379/1";

  test("share a Redis and a secret", () => {
    const nodeUrl = "wss://node1.example/signal";
    expect(parse({ redis, nodeUrl, secrets: ["shared"] })).toMatchObject({
      redis,
      nodeUrl,
      nodeTimeoutSeconds: 6,
    });
    expect(parse({}).redis).toBeUndefined();
  });

  test("need a secret, which is no start without", () => {
    expectErrors({ redis }, [
      "secrets: is missing; nodes that share rooms take each other's credentials, and need one secret for it",
    ]);
  });

  test.each(["http://:hunter2@redis.example", "hunter2@redis.example:6379", "redis://", ""])(
    "%j is no URL of a Redis, and no password is shown",
    (url) => {
      expectErrors({ redis: url, secrets: ["shared"] }, [
        "redis: must be a URL like redis://redis.example:6379 or rediss://:PASSWORD@redis.example:6380",
      ]);
    },
  );
});

describe("what is said", () => {
  test("wins over the defaults", () => {
    const config = parse({
      hosts: ["127.0.0.1"],
      publicHost: "Turn.Example.ORG",
      externalIps: ["203.0.113.7", "2001:db8::7"],
      relayPorts: "50000-50100",
      tlsPort: 443,
      tlsCert: "cert.pem",
      tlsKey: "key.pem",
      secrets: ["new", "old"],
      users: ["alice:a:b", { name: "bob", password: "c" }],
      allowRelayTo: ["10.0.0.5"],
      allowedOrigins: ["https://App.example:443"],
      clearOnLeave: false,
      limits: { maxRooms: 3, maxAllocationsPerUser: 4 },
    });
    expect(config.hostsAreDefault).toBe(false);
    expect(config.publicHost).toBe("turn.example.org");
    expect(config.externalIps.map(formatIp)).toEqual(["203.0.113.7", "2001:db8::7"]);
    expect(config.relayPorts).toEqual({ min: 50_000, max: 50_100 });
    expect(config.tls).toEqual({ port: 443, certFile: "cert.pem", keyFile: "key.pem" });
    expect(config.secrets).toEqual(["new", "old"]);
    expect(config.secretIsRandom).toBe(false);
    expect(config.users).toEqual([
      { name: "alice", password: "a:b" },
      { name: "bob", password: "c" },
    ]);
    expect(config.allowRelayTo).toEqual([parseCidr("10.0.0.5/32")]);
    expect(config.allowedOrigins).toEqual(["https://app.example"]);
    expect(config.clearOnLeave).toBe(false);
    expect(config.limits).toMatchObject({ maxRooms: 3, maxAllocationsPerUser: 4 });
  });
});

const PORT = "must be a whole number from 0 to 65535";
const RANGE = "must be a range of ports like 49152-65535, from 1 to 65535";
const NETWORK = "must be a network like 10.0.0.0/8 or fd00::/8, or one address";
const HOST = "must be a host name or an IP address, without scheme and port";
const EXTERNAL =
  "must be an address that clients can send to, not an unspecified, IPv4-mapped, multicast or broadcast one";
const LOOPBACK = "is loopback, which only this machine can reach; that is for --dev";
const ORIGIN = "must be an origin like https://app.example, without a path";
const USER = "must be NAME:PASSWORD, neither of them empty, the name without a colon";

describe("a wrong value is told with its path", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ httpPort: 65_536 }, `httpPort 65536: ${PORT}`],
    [{ httpPort: -1 }, `httpPort -1: ${PORT}`],
    [{ httpPort: 80.5 }, `httpPort 80.5: ${PORT}`],
    [{ turnPort: "3478" }, `turnPort "3478": ${PORT}`],
    [{ turnPort: null }, `turnPort: ${PORT}`],
    [{ hosts: [] }, "hosts: must name at least one address"],
    [{ hosts: "127.0.0.1" }, 'hosts "127.0.0.1": must be a list'],
    [{ hosts: ["localhost"] }, 'hosts[0] "localhost": must be an IPv4 or IPv6 address'],
    [{ hosts: ["::1", "0:0::1"] }, "hosts: must not name an address twice"],
    [{ externalIps: ["1.2.3.256"] }, 'externalIps[0] "1.2.3.256": must be an IPv4 or IPv6 address'],
    [
      { externalIps: ["203.0.113.1", "203.0.113.2"] },
      "externalIps: must be at most one IPv4 and one IPv6 address",
    ],
    [{ publicHost: "https://a.example" }, `publicHost "https://a.example": ${HOST}`],
    [{ publicHost: "a.example:443" }, `publicHost "a.example:443": ${HOST}`],
    [{ publicHost: "1.2.3" }, `publicHost "1.2.3": ${HOST}`],
    [{ publicHost: "-a.example" }, `publicHost "-a.example": ${HOST}`],
    [{ relayPorts: "2-1" }, `relayPorts "2-1": ${RANGE}`],
    [{ relayPorts: "0-9" }, `relayPorts "0-9": ${RANGE}`],
    [{ relayPorts: "1-65536" }, `relayPorts "1-65536": ${RANGE}`],
    [{ relayPorts: "50000" }, `relayPorts "50000": ${RANGE}`],
    [{ realm: "" }, 'realm "": must be text of 1 to 60 bytes'],
    [{ realm: " a" }, 'realm " a": must be text of 1 to 60 bytes'],
    [{ realm: "a\nb" }, 'realm "a\\nb": must be text of 1 to 60 bytes'],
    [{ secrets: "one" }, "secrets: must be a list"],
    [{ secrets: [" "] }, "secrets[0]: must be text, and not empty"],
    [{ users: ["alice"] }, `users[0]: ${USER}`],
    [{ users: [":b"] }, `users[0]: ${USER}`],
    [{ users: [{ name: "a:b", password: "c" }] }, "users[0].name: must be text without a colon"],
    [{ users: [{ name: "a", password: "" }] }, "users[0].password: must be text, and not empty"],
    [{ users: ["a:1", { name: "a", password: "2" }] }, "users: must not name a user twice"],
    [{ ttlSeconds: 59 }, "ttlSeconds 59: must be a whole number from 60 to 604800"],
    [{ allowRelayTo: ["10.0.0.0/33"] }, `allowRelayTo[0] "10.0.0.0/33": ${NETWORK}`],
    [{ denyRelayTo: ["all"] }, `denyRelayTo[0] "all": ${NETWORK}`],
    [{ trustedProxies: ["proxy"] }, `trustedProxies[0] "proxy": ${NETWORK}`],
    // What inet_aton and others read as some address is none here: nobody opens or closes another network than he reads.
    ...[
      "010.0.0.0/8",
      "2130706433/32",
      "0x7f000001",
      "127.1",
      "10/8",
      "fe80::1%eth0/64",
      "::ffff:127.0.0.1%1",
    ].map((text): [ConfigInput, string] => [{ denyRelayTo: [text] }, `denyRelayTo[0] "${text}": ${NETWORK}`]),
    ...["127.1", "0177.0.0.1", "2130706433", "fe80::1%eth0"].map((text): [ConfigInput, string] => [
      { adminHost: text },
      `adminHost "${text}": must be an IPv4 or IPv6 address`,
    ]),
    [{ lan: "yes" }, 'lan "yes": must be true or false'],
    [{ roomSize: 1 }, "roomSize 1: must be a whole number from 2 to 1000"],
    [{ allowedOrigins: ["https://a.example/b"] }, `allowedOrigins[0] "https://a.example/b": ${ORIGIN}`],
    [{ allowedOrigins: ["a.example"] }, `allowedOrigins[0] "a.example": ${ORIGIN}`],
    [{ adminHost: "any" }, 'adminHost "any": must be an IPv4 or IPv6 address'],
    [{ logLevel: "loud" }, 'logLevel "loud": must be one of trace, debug, info, warn, error, fatal, silent'],
    [{ limits: 5 }, "limits 5: must be an object with limits"],
    [{ limits: [] }, "limits: must be an object with limits"],
    [{ limits: { maxRooms: 0 } }, "limits.maxRooms 0: must be a whole number from 1 to 1000000"],
    [{ realm: "x".repeat(200) }, "realm: must be text of 1 to 60 bytes"],
  ])("%j", (input, line) => {
    expectErrors(input, [line]);
  });

  test.each([[[]], [null], [5]])("a configuration that is %j", (input) => {
    const lines = errorLines(() => parse(input));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("must be an object with settings");
    expect(parse({}).realm).toBe("turnpike");
  });
});

describe("an external address that nobody can send to is refused", () => {
  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:198.51.100.4",
    "::ffff:c633:6404",
    "224.0.0.1",
    "239.255.255.255",
    "ff02::1",
    "255.255.255.255",
  ])("%s", (address) => {
    expectErrors({ externalIps: [address] }, [`externalIps[0] ${JSON.stringify(address)}: ${EXTERNAL}`]);
    expectErrors({ externalIps: [address], dev: true }, [
      `externalIps[0] ${JSON.stringify(address)}: ${EXTERNAL}`,
    ]);
  });

  test.each(["127.0.0.1", "127.9.9.9", "::1"])("%s, but for --dev", (address) => {
    expectErrors({ externalIps: [address] }, [`externalIps[0] ${JSON.stringify(address)}: ${LOOPBACK}`]);
    expect(parse({ externalIps: [address], dev: true }).externalIps.map(formatIp)).toEqual([address]);
  });

  test("a private one may be right: the NAT of a laboratory", () => {
    expect(parse({ externalIps: ["10.0.0.5", "fd00::5"] }).externalIps.map(formatIp)).toEqual([
      "10.0.0.5",
      "fd00::5",
    ]);
  });
});

describe("an unknown key", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ httpport: 1 }, "httpport: is no setting; did you mean httpPort?"],
    [{ host: ["::1"] }, "host: is no setting; did you mean hosts?"],
    [{ limits: { maxRoom: 1 } }, "limits.maxRoom: is no setting; did you mean limits.maxRooms?"],
    [{ colour: "red" }, "colour: is no setting"],
    [{ constructor: 1 }, "constructor: is no setting"],
  ])("%j", (input, line) => {
    expectErrors(input, [line]);
  });

  test("may be __proto__, and changes no prototype", () => {
    expectErrors(JSON.parse('{"__proto__": {"realm": "a"}, "limits": {"__proto__": {"maxRooms": 1}}}'), [
      "limits.__proto__: is no setting",
      "__proto__: is no setting",
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("rules between settings", () => {
  test.each([
    ["tlsPort", 443],
    ["tlsCert", "cert.pem"],
    ["tlsKey", "key.pem"],
  ])("TLS with %s alone lacks the other two", (key, value) => {
    const missing = ["tlsPort", "tlsCert", "tlsKey"].filter((one) => one !== key);
    const message = "is missing; TLS needs a port, a certificate and a key";
    expectErrors(
      { [key]: value },
      missing.map((one) => `${one}: ${message}`),
    );
  });

  test("TCP ports differ, defaults among them", () => {
    expectErrors({ httpPort: 9090 }, ["adminPort: is the same port as httpPort"]);
    expectErrors({ httpPort: 443, tlsPort: 443, tlsCert: "a", tlsKey: "b" }, [
      "tlsPort: is the same port as httpPort",
    ]);
    expectErrors({ turnPort: 9090 }, ["adminPort: is the same port as turnPort"]);
  });

  test("free ports are no equal ports, and TURN may have the number of HTTP or TLS", () => {
    expect(parse({ httpPort: 0, adminPort: 0 }).httpPort).toBe(0);
    expect(parse({ httpPort: 3478, turnPort: 3478 }).turnPort).toBe(3478);
    expect(parse({ tlsPort: 443, tlsCert: "a", tlsKey: "b", turnPort: 443 }).turnPort).toBe(443);
  });

  test("NAT discovery starts from a named address, of each family that has another one, and from another port", () => {
    const hosts = ["192.0.2.1", "2001:db8::1"];
    const alternateIps = ["192.0.2.2", "2001:db8::2"];
    expect(parse({ hosts, alternateIps }).alternatePort).toBe(3479);
    expect(parse({ hosts, alternateIps, turnPort: 0, alternatePort: 0 }).alternateIps).toHaveLength(2);
    expect(parse({ turnPort: 3479 }).alternateIps).toEqual([]);
    const needs = (family: number) =>
      `alternateIps: need an IPv${family} address in hosts, which NAT discovery starts from`;
    expectErrors({ alternateIps }, [needs(4), needs(6)]);
    expectErrors({ hosts: ["0.0.0.0", "2001:db8::1"], alternateIps }, [needs(4)]);
    expectErrors({ hosts, alternateIps: [hosts[0]] }, ["alternateIps: must be no address of hosts"]);
    expectErrors({ hosts, alternateIps, turnPort: 3479 }, ["alternatePort: is the same port as turnPort"]);
    expectErrors({ hosts, alternateIps, externalIps: ["89.160.20.1"] }, [
      "alternateIps: do not go together with externalIps: clients must reach both addresses as they are",
    ]);
    expectErrors({ hosts, alternateIps: ["192.0.2.2", "192.0.2.3"] }, [
      "alternateIps: must be at most one IPv4 and one IPv6 address",
    ]);
  });

  test("two ports that are no numbers are not told to be equal", () => {
    expectErrors({ httpPort: "a", adminPort: "a" }, [`httpPort "a": ${PORT}`, `adminPort "a": ${PORT}`]);
  });
});

test("all that is wrong is told at once", () => {
  expectErrors({ httpPort: "a", limits: { maxRooms: 0, maxRoms: 1 }, tlsPort: 443, colour: 1, lan: 1 }, [
    `httpPort "a": ${PORT}`,
    "lan 1: must be true or false",
    "limits.maxRooms 0: must be a whole number from 1 to 1000000",
    "limits.maxRoms: is no setting; did you mean limits.maxRooms?",
    "colour: is no setting",
    "tlsCert: is missing; TLS needs a port, a certificate and a key",
    "tlsKey: is missing; TLS needs a port, a certificate and a key",
  ]);
});
