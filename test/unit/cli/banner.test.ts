import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bannerLines } from "../../../src/cli/banner.ts";
import type { Config } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import type { ConfigInput } from "../../../src/config/schema.ts";
import { loadConfig } from "../../../src/config/sources.ts";
import type { ListenAddress, RelayedAddress, ServerAddresses } from "../../../src/server.ts";

const SECRET = "a secret that is long enough";
const PRIVATE = "10.0.0.5";
const PUBLIC = "203.0.113.7";

const at = (address: string, port: number): ListenAddress => ({
  address,
  port,
  family: address.includes(":") ? 6 : 4,
});
const everywhere = (port: number) => [at("0.0.0.0", port), at("::", port)];
const relayAt = (bound: string, relayed = bound): RelayedAddress => ({
  bound,
  relayed,
  family: bound.includes(":") ? 6 : 4,
});

function addressesOf(config: Config, others: Partial<ServerAddresses> = {}): ServerAddresses {
  return {
    http: everywhere(config.httpPort),
    tls: config.tls === undefined ? [] : everywhere(config.tls.port),
    turn: everywhere(config.turnPort),
    admin: [at("127.0.0.1", config.adminPort)],
    relay: [relayAt(PUBLIC)],
    ...others,
  };
}

const ENGINE = { name: "dgram", why: "it was asked for" } as const;

function banner(input: ConfigInput, others: Partial<ServerAddresses> = {}) {
  const config = parseConfig(input);
  return readBanner(config, addressesOf(config, others));
}

/** What is where, and what is missing for production. */
function readBanner(config: Config, addresses: ServerAddresses) {
  const lines = bannerLines({ version: "1.2.3", config, addresses, udpEngine: ENGINE });
  const middle = lines.indexOf("For production:");
  const end = middle === -1 ? lines.length : middle;
  const isFilled = (line: string) => line !== "";
  return {
    title: lines[0],
    where: lines
      .slice(1, end)
      .filter(isFilled)
      .map((line) => line.trim().replace(/ {2,}/, " ")),
    missing: lines
      .slice(end + 1)
      .filter(isFilled)
      .map((line) => line.replace("  - ", "")),
  };
}

describe("with defaults on a machine with a private address", () => {
  const { title, where, missing } = banner({}, { relay: [relayAt(PRIVATE)] });

  test("every address is named, the page first", () => {
    expect(title).toBe("Turnpike 1.2.3 is ready.");
    expect(where).toEqual([
      "page http://localhost:8080/",
      `http://${PRIVATE}:8080/`,
      "signaling ws://localhost:8080/signal",
      "http tcp 0.0.0.0:8080, [::]:8080",
      "STUN, TURN udp, tcp 0.0.0.0:3478, [::]:3478",
      `relay udp ${PRIVATE} ports 49152-65535`,
      "UDP engine dgram: it was asked for",
      "admin http://127.0.0.1:9090/metrics",
    ]);
  });

  test("a secret, an external address and TLS are missing", () => {
    expect(missing).toEqual([
      expect.stringMatching(/^no secret: .*TURNPIKE_SECRET/),
      expect.stringMatching(/^no external address: .*10\.0\.0\.5.*--external-ip/),
      expect.stringMatching(/^no TLS: .*--tls-port, --tls-cert, --tls-key and --public-host/),
    ]);
  });
});

describe("with TLS and a public host", () => {
  const tls = { tlsPort: 443, tlsCert: "cert.pem", tlsKey: "key.pem", secrets: [SECRET] };

  test("the page is the https one, and nothing is missing", () => {
    const { where, missing } = banner({ ...tls, publicHost: "call.example.com" });
    expect(where.slice(0, 3)).toEqual([
      "page https://call.example.com/",
      "http://localhost:8080/",
      "signaling wss://call.example.com/signal",
    ]);
    expect(where).toContain("https tcp 0.0.0.0:443, [::]:443");
    expect(missing).toEqual([]);
  });

  test("an IPv6 address stands in brackets, another port behind it", () => {
    const { where } = banner({ ...tls, tlsPort: 8443, publicHost: "2001:db8::7" });
    expect(where[0]).toBe("page https://[2001:db8::7]:8443/");
  });

  test("without the host that is what is missing", () => {
    expect(banner(tls).missing).toEqual([expect.stringMatching(/^no public host: .*--public-host/)]);
  });
});

describe("the relay's addresses", () => {
  test("behind a 1:1 NAT both are named, and none is missing", () => {
    const { where, missing } = banner({ secrets: [SECRET] }, { relay: [relayAt(PRIVATE, PUBLIC)] });
    expect(where).toContain(`relay udp ${PUBLIC} (here ${PRIVATE}) ports 49152-65535`);
    expect(missing).toEqual([expect.stringContaining("no TLS")]);
  });

  test.each(["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "fd00::1"])(
    "%s alone is no address for the internet",
    (address) => {
      const { missing } = banner({ secrets: [SECRET] }, { relay: [relayAt(address)] });
      expect(missing[0]).toContain(`gives out ${address}`);
    },
  );
});

test.each([
  [4, PRIVATE, "2001:db8::7"],
  [6, "fd00::2", PUBLIC],
])(
  "where only the IPv%i address of two is not public, the line is about that family",
  (family, hidden, open) => {
    const { missing } = banner({ secrets: [SECRET] }, { relay: [relayAt(open), relayAt(hidden)] });
    expect(missing[0]).toBe(
      `no external IPv${family} address: the relay gives out ${hidden}, which the internet cannot reach; set --external-ip to the public IPv${family} address too`,
    );
  },
);

test("with the relays of others, what is lost is told beside them", () => {
  const turnUrls = ["turn:one.example:3478", "turn:two.example:3478"];
  const { where } = banner({ secrets: [SECRET], turnUrls }, { turn: [], relay: [] });
  expect(where).toEqual([
    "page http://localhost:8080/",
    "signaling ws://localhost:8080/signal",
    "http tcp 0.0.0.0:8080, [::]:8080",
    "TURN pool turn:one.example:3478",
    "turn:two.example:3478",
    expect.stringMatching(/^no closed relay: .*; and no relay that ends with its call/),
    "admin http://127.0.0.1:9090/metrics",
  ]);
});

test("what rooms are shared over is told without its password", () => {
  const { where } = banner({ secrets: [SECRET], redis: "redis://:hunter2@redis.example:6379/3" });
  expect(where).toContain("rooms shared with other nodes over redis.example:6379");
  expect(where.join()).not.toContain("hunter2");
});

describe("secrets and switches", () => {
  test("--dev is told of", () => {
    expect(banner({ secrets: [SECRET], dev: true }).missing.at(-1)).toMatch(/^--dev is on/);
  });

  test("a short secret is told of, and not shown", () => {
    const { missing } = banner({ secrets: [SECRET, "hunter2"] });
    expect(missing[0]).toMatch(/^a secret is shorter than/);
    expect(missing.join()).not.toContain("hunter2");
  });

  test("the example's secret is told of", () => {
    const configFile = fileURLToPath(new URL("../../../config.example.json", import.meta.url));
    const { config } = loadConfig({ flags: new Map(), environment: {}, configFile });
    const { missing } = readBanner(config, addressesOf(config));
    expect(missing).toEqual([expect.stringMatching(/^a secret is the example's/)]);
  });

  test("free ports are shown as they were found", () => {
    const http = [at("127.0.0.1", 40_001)];
    const { where } = banner({ httpPort: 0, secrets: [SECRET] }, { http });
    expect(where[0]).toBe("page http://localhost:40001/");
  });
});
