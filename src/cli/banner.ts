/** What `serve` prints when it is ready: every address, the page's URL, and what is missing for production. */

import type { Config } from "../config/config.ts";
import { turnOverTcp } from "../config/turn-over-tcp.ts";
import type { ListenAddress, ServerAddresses, UdpEngineChoice } from "../server.ts";
import { cidrContains, networks, parseIp, urlHost } from "../stun/address.ts";

export interface BannerFacts {
  readonly version: string;
  readonly config: Config;
  readonly addresses: ServerAddresses;
  readonly udpEngine: UdpEngineChoice | undefined;
}

/** What the relays of others cannot know: who is in a room, and until when. */
const LOST_WITH_OTHERS =
  "no closed relay: they relay to whomever their own rules let; and no relay that ends with its call: an allocation lives as long as its client refreshes it";
const SHORT_SECRET = 16;
/** How the secret of config.example.json begins, which everybody can read. */
const PLACEHOLDER = "replace-this";
const NOT_PUBLIC = networks(
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "fc00::/7",
  "fe80::/10",
  "::1/128",
);

export function bannerLines(facts: BannerFacts): string[] {
  const missing = missingForProduction(facts);
  return [
    `Turnpike ${facts.version} is ready.`,
    "",
    ...addressLines(facts).map(([what, where]) => `  ${what.padEnd(12)}${where}`),
    "",
    ...(missing.length === 0 ? [] : ["For production:", ...missing.map((line) => `  - ${line}`), ""]),
  ];
}

function addressLines({ config, addresses, udpEngine }: BannerFacts): [string, string][] {
  const pages = pageUrls(config, addresses);
  const { min, max } = config.relayPorts;
  const lines: [string, string][] = pages.map((url, index) => [index === 0 ? "page" : "", url]);
  lines.push(...pages.slice(0, 1).map((url): [string, string] => ["signaling", signalUrl(url)]));
  lines.push(...listing("http", "tcp", addresses.http), ...listing("https", "tcp", addresses.tls));
  const transports = turnOverTcp(config) === "none" ? "udp" : "udp, tcp";
  lines.push(
    ...listing("STUN, TURN", transports, addresses.turn),
    ...(config.turnUrls.length > 0 ? [] : listing("TURN, TLS", "tcp", addresses.tls)),
    ...config.turnUrls.map((url, index): [string, string] => [index === 0 ? "TURN pool" : "", url]),
  );
  if (config.turnUrls.length > 0) lines.push(["", LOST_WITH_OTHERS]);
  for (const { bound, relayed } of addresses.relay) {
    lines.push(["relay", `udp ${relayed}${bound === relayed ? "" : ` (here ${bound})`} ports ${min}-${max}`]);
  }
  if (udpEngine !== undefined && config.turnUrls.length === 0)
    lines.push(["UDP engine", `${udpEngine.name}: ${udpEngine.why}`]);
  if (config.redis !== undefined)
    lines.push(["rooms", `shared with other nodes over ${new URL(config.redis).host}`]);
  lines.push(
    ...addresses.admin.map((one): [string, string] => ["admin", `http://${authority(one)}/metrics`]),
  );
  return lines;
}

function listing(what: string, transport: string, addresses: readonly ListenAddress[]): [string, string][] {
  return addresses.length === 0 ? [] : [[what, `${transport} ${addresses.map(authority).join(", ")}`]];
}

function signalUrl(page: string): string {
  return `${page.replace(/^http/, "ws")}signal`;
}

/** Where the page can be opened, the best way first. */
function pageUrls({ publicHost }: Config, { http, tls, relay }: ServerAddresses): string[] {
  const urls = [
    ...tls
      .slice(0, 1)
      .map(({ port }) => `https://${urlHost(publicHost ?? "localhost")}${suffix(port, 443)}/`),
    ...http.slice(0, 1).map((one) => `http://${urlHost(localName(one))}${suffix(one.port, 80)}/`),
  ];
  const [first] = http;
  if (first !== undefined && isUnspecified(first)) {
    const reachable = publicHost ?? relay.find(({ family }) => family === 4)?.relayed;
    if (reachable !== undefined && tls.length === 0) {
      urls.push(`http://${urlHost(reachable)}${suffix(first.port, 80)}/`);
    }
  }
  return [...new Set(urls)];
}

function localName(one: ListenAddress): string {
  return isUnspecified(one) || one.address === "127.0.0.1" || one.address === "::1"
    ? "localhost"
    : one.address;
}

function isUnspecified({ address }: ListenAddress): boolean {
  return address === "0.0.0.0" || address === "::";
}

function suffix(port: number, usual: number): string {
  return port === usual ? "" : `:${port}`;
}

function authority({ address, port }: ListenAddress): string {
  return `${urlHost(address)}:${port}`;
}

function missingForProduction({ config, addresses }: BannerFacts): string[] {
  const lines: string[] = [];
  if (config.secretIsRandom) {
    lines.push(
      "no secret: this run has one of its own, credentials end with it; set TURNPIKE_SECRET (openssl rand -hex 32)",
    );
  } else if (config.secrets.some((secret) => secret.startsWith(PLACEHOLDER))) {
    lines.push("a secret is the example's, which everybody knows; make one with openssl rand -hex 32");
  } else if (config.secrets.some((secret) => secret.length < SHORT_SECRET)) {
    lines.push(
      `a secret is shorter than ${SHORT_SECRET} characters and can be guessed; make one with openssl rand -hex 32`,
    );
  }
  lines.push(...hiddenRelay(addresses));
  if (addresses.tls.length === 0 && addresses.http.length > 0) {
    lines.push(
      "no TLS: browsers give camera and microphone only to https pages and to localhost; set --tls-port, --tls-cert, --tls-key and --public-host",
    );
  } else if (config.publicHost === undefined && addresses.tls.length > 0) {
    lines.push("no public host: links and iceServers name whatever address a client used; set --public-host");
  }
  if (config.dev)
    lines.push("--dev is on: it relays to loopback, which on a public machine opens what listens there");
  return lines;
}

/** One line, about one family only where the other one is public. */
function hiddenRelay({ relay }: ServerAddresses): string[] {
  const hidden = relay.find(({ relayed }) => isNotPublic(relayed));
  if (hidden === undefined) return [];
  const { relayed, family } = hidden;
  const ofFamily = relay.every((one) => isNotPublic(one.relayed)) ? "" : `IPv${family} `;
  return [
    `no external ${ofFamily}address: the relay gives out ${relayed}, which the internet cannot reach; set --external-ip to the public ${ofFamily}address${ofFamily && " too"}`,
  ];
}

function isNotPublic(address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && NOT_PUBLIC.some((cidr) => cidrContains(cidr, ip));
}
