/**
 * Every setting, once: its check, its default, and why it exists. Flags, environment variables, `--help` and
 * docs/configuration.md are made from it.
 */

import { z } from "zod";
import { setting, settingsOf } from "./setting.ts";
import {
  allDifferent,
  cidr,
  externalIp,
  host,
  ip,
  isFilePath,
  list,
  namesDiffer,
  oneOf,
  onePerFamily,
  origin,
  port,
  portRange,
  redisUrl,
  secret,
  signalUrl,
  text,
  toggle,
  turnUrl,
  user,
  whole,
  words,
} from "./values.ts";

const MILLION = 1_000_000;
const MAX_BITS_PER_SECOND = 1_000_000 * MILLION;
/** The challenge carries the realm, and may be no more than 2.5 times a browser's first Allocate: above that it is not sent. */
const MAX_REALM_BYTES = 60;
const filePath = () =>
  text((path) => (isFilePath(path) ? path : undefined), "must be the path of a PEM file, not what it holds");

const limits = z.strictObject(
  {
    maxMessageBytes: setting(whole(1024, 16 * 1024 * 1024).default(65_536), {
      group: "Limits",
      value: "bytes",
      about: "the largest signaling message; an SDP with many tracks takes 20 KB",
    }),
    messagesPerSecond: setting(whole(1, 10_000).default(50), {
      group: "Limits",
      value: "n",
      about: "signaling messages per second and connection, in the long run",
    }),
    messageBurst: setting(whole(1, 100_000).default(200), {
      group: "Limits",
      value: "n",
      about: "signaling messages at once: the candidates of a large room",
    }),
    maxRooms: setting(whole(1, MILLION).default(10_000), {
      group: "Limits",
      value: "n",
      about: "rooms in all",
    }),
    maxRoomsPerAddress: setting(whole(1, MILLION).default(500), {
      group: "Limits",
      value: "n",
      about: "rooms made from one address (IPv6: one /64); an office shares one",
    }),
    maxConnections: setting(whole(1, MILLION).default(20_000), {
      group: "Limits",
      value: "n",
      about: "WebSockets in all",
    }),
    maxConnectionsPerAddress: setting(whole(1, MILLION).default(1000), {
      group: "Limits",
      value: "n",
      about: "WebSockets from one address (IPv6: one /64)",
    }),
    heartbeatSeconds: setting(whole(1, 3600).default(25), {
      group: "Limits",
      value: "seconds",
      about: "how often a silent WebSocket is asked for a sign of life; below the idle limit of proxies",
    }),
    joinTimeoutSeconds: setting(whole(1, 3600).default(10), {
      group: "Limits",
      value: "seconds",
      about: "a connection that has not joined by then is closed",
    }),
    maxTurnConnections: setting(whole(1, MILLION).default(10_000), {
      group: "Limits",
      value: "n",
      about: "STUN and TURN connections over TCP and TLS in all",
    }),
    maxTurnConnectionsPerAddress: setting(whole(1, MILLION).default(1000), {
      group: "Limits",
      value: "n",
      about: "STUN and TURN connections over TCP and TLS from one address (IPv6: one /64)",
    }),
    maxAllocations: setting(whole(1, MILLION).default(10_000), {
      group: "Limits",
      value: "n",
      about: "TURN allocations in all; each holds a port of --relay-ports",
    }),
    maxAllocationsPerAddress: setting(whole(1, MILLION).default(1000), {
      group: "Limits",
      value: "n",
      about: "TURN allocations from one address (IPv6: one /64)",
    }),
    maxAllocationsPerMember: setting(whole(1, MILLION).optional(), {
      group: "Limits",
      value: "n",
      about: "TURN allocations of one member of a room; browsers make several per interface",
      defaultText: "12 x (room size - 1)",
    }),
    maxAllocationsPerUser: setting(whole(1, MILLION).default(1000), {
      group: "Limits",
      value: "n",
      about: "TURN allocations of one user outside of rooms, whose name many clients may share",
    }),
    maxPermissionsPerAllocation: setting(whole(1, 10_000).default(64), {
      group: "Limits",
      value: "n",
      about: "addresses that one allocation may exchange packets with",
    }),
    maxChannelsPerAllocation: setting(whole(1, 0x4fff - 0x4000 + 1).default(64), {
      group: "Limits",
      value: "n",
      about: "channels of one allocation",
    }),
    maxBitsPerSecondPerAllocation: setting(whole(0, MAX_BITS_PER_SECOND).default(0), {
      group: "Limits",
      value: "bits/s",
      about: "relayed by one allocation, both ways together; what is over is dropped; 0: no limit",
    }),
    maxBitsPerSecondPerRoom: setting(whole(0, MAX_BITS_PER_SECOND).default(8_000_000), {
      group: "Limits",
      value: "bits/s",
      about: "relayed for one room: two cameras of 720p and some room; more for larger rooms; 0: no limit",
    }),
    maxBitsPerSecond: setting(whole(0, MAX_BITS_PER_SECOND).default(0), {
      group: "Limits",
      value: "bits/s",
      about: "relayed in all: what this machine's line, or its bill, bears; 0: no limit",
    }),
    bandwidthBurstMilliseconds: setting(whole(0, 60_000).default(1000), {
      group: "Limits",
      value: "ms",
      about: "how much of its rate may pass at once after a pause, a key frame, say; 256 KiB at least",
    }),
    maxRelayedConnections: setting(whole(1, MILLION).default(2000), {
      group: "Limits",
      value: "n",
      about: "TCP connections with relay targets in all (--tcp-relay)",
    }),
    maxRelayedConnectionsPerAllocation: setting(whole(1, 10_000).default(16), {
      group: "Limits",
      value: "n",
      about: "TCP connections with relay targets of one allocation (--tcp-relay)",
    }),
    relayedConnectionIdleSeconds: setting(whole(1, 86_400).default(600), {
      group: "Limits",
      value: "seconds",
      about: "a relayed TCP connection that carries nothing for so long is closed (--tcp-relay)",
    }),
    unauthenticatedBurst: setting(whole(1, MILLION).default(200), {
      group: "Limits",
      value: "n",
      about: "STUN and TURN answers without credentials at once, per source address",
    }),
    unauthenticatedPerSecond: setting(whole(1, MILLION).default(50), {
      group: "Limits",
      value: "n",
      about: "STUN and TURN answers without credentials per second and source address",
    }),
  },
  { error: "must be an object with limits" },
);

export const schema = z.strictObject(
  {
    hosts: setting(
      list(ip())
        .min(1, "must name at least one address")
        .refine(allDifferent, "must not name an address twice")
        .optional(),
      {
        group: "Ports and addresses",
        value: "ip",
        name: "host",
        about: "addresses to listen on",
        defaultText: "0.0.0.0 and ::",
      },
    ),
    httpPort: setting(port().default(8080), {
      group: "Ports and addresses",
      value: "port",
      about: "page, SDK and signaling over http and ws, STUN and TURN (TCP)",
    }),
    turnPort: setting(port().default(3478), {
      group: "Ports and addresses",
      value: "port",
      about: "STUN and TURN (UDP and TCP); over TCP it may be the HTTP port too",
    }),
    publicHost: setting(host().optional(), {
      group: "Ports and addresses",
      value: "name",
      about: "the name or address in iceServers and links",
      defaultText: "the one that the client used",
    }),
    externalIps: setting(
      list(externalIp()).refine(onePerFamily, "must be at most one IPv4 and one IPv6 address").default([]),
      {
        group: "Ports and addresses",
        value: "ip",
        name: "externalIp",
        about: "public address of the 1:1 NAT in front of this machine, one per family",
      },
    ),
    alternateIps: setting(
      list(ip()).refine(onePerFamily, "must be at most one IPv4 and one IPv6 address").default([]),
      {
        group: "Ports and addresses",
        value: "ip",
        name: "alternateIp",
        about: "another address of this machine for NAT behaviour discovery (RFC 5780, UDP), one per family",
      },
    ),
    alternatePort: setting(port().default(3479), {
      group: "Ports and addresses",
      value: "port",
      about: "another port for NAT behaviour discovery (UDP); open with --alternate-ip only",
    }),
    tlsPort: setting(port().optional(), {
      group: "TLS",
      value: "port",
      about: "https, wss, STUN and TURN over TLS (TCP)",
    }),
    tlsCert: setting(filePath().optional(), {
      group: "TLS",
      value: "file",
      about: "certificate with its chain (PEM)",
    }),
    tlsKey: setting(filePath().optional(), { group: "TLS", value: "file", about: "its private key (PEM)" }),
    relayPorts: setting(portRange().prefault("49152-65535"), {
      group: "TURN",
      value: "min-max",
      about: "ports of relayed addresses: UDP, and TCP with --tcp-relay",
    }),
    udpEngine: setting(oneOf(["auto", "batch", "dgram"]).default("auto"), {
      group: "TURN",
      value: "name",
      about: "what carries UDP: batch (Linux, many packets per system call), dgram (everywhere), or auto",
    }),
    workers: setting(whole(1, 64).optional(), {
      group: "TURN",
      value: "n",
      about: "threads that carry UDP (batched engine); each takes its share of the clients",
      defaultText: "one per processor core, 8 at most",
    }),
    realm: setting(words(MAX_REALM_BYTES).default("turnpike"), {
      group: "TURN",
      value: "name",
      about: "realm of the long-term credentials (RFC 8489 section 9.2)",
    }),
    secrets: setting(list(secret()).default([]), {
      group: "TURN",
      value: "secret",
      name: "secret",
      about: "signs TURN credentials; the first one signs, every one is accepted (rotation)",
      defaultText: "made at random for this run",
      secret: true,
    }),
    users: setting(list(user()).refine(namesDiffer, "must not name a user twice").default([]), {
      group: "TURN",
      value: "name:password",
      name: "user",
      about: "static TURN user, for clients that do not join a room",
      secret: true,
    }),
    turnUrls: setting(list(turnUrl()).default([]), {
      group: "TURN",
      value: "url",
      name: "turnUrl",
      about:
        "a TURN server with the same secret (coturn: static-auth-secret) that serves instead of our own relay; several: each room has one",
    }),
    ttlSeconds: setting(whole(60, 7 * 86_400).default(3600), {
      group: "TURN",
      value: "seconds",
      name: "ttl",
      about: "how long the credentials of a join reply live; fresh ones are pushed in time",
    }),
    relayTo: setting(oneOf(["room", "public"]).default("room"), {
      group: "TURN",
      value: "room|public",
      about: "a room's credentials relay to its members only, or to any public address",
    }),
    allowRelayTo: setting(list(cidr()).default([]), {
      group: "TURN",
      value: "cidr",
      about: "relays to this network although it is denied by default",
    }),
    denyRelayTo: setting(list(cidr()).default([]), {
      group: "TURN",
      value: "cidr",
      about: "never relays to this network; wins over every other rule",
    }),
    lan: setting(toggle().default(false), {
      group: "TURN",
      about: "relays to private networks (10/8, 172.16/12, 192.168/16, fc00::/7)",
    }),
    dev: setting(toggle().default(false), {
      group: "TURN",
      about: "for your own machine: relays to loopback, no limits per source and on bandwidth for it",
    }),
    tcpRelay: setting(toggle().default(false), {
      group: "TURN",
      about:
        "relays TCP connections too (RFC 6062), for users outside of rooms only; off, because it lets them reach TCP services",
    }),
    mobility: setting(toggle().default(false), {
      group: "TURN",
      about:
        "lets allocations follow their clients to other addresses (RFC 8016); off, because browsers do not ask for it",
    }),
    roomSize: setting(whole(2, 1000).default(2), {
      group: "Rooms",
      value: "n",
      about: "members in a room at most",
    }),
    createOnJoin: setting(toggle().default(true), {
      group: "Rooms",
      about: "join makes a room that is not there; else only create does",
      aboutWithout: "only create makes rooms; to join one that is not there is an error",
    }),
    clearOnLeave: setting(toggle().optional(), {
      group: "Rooms",
      about: "whoever leaves ends the call for all",
      aboutWithout: "whoever leaves takes only itself out of the room",
      defaultText: "in rooms of two",
    }),
    resumeSeconds: setting(whole(0, 600).default(15), {
      group: "Rooms",
      value: "seconds",
      about: "how long a seat is kept after its connection was lost",
    }),
    allowedOrigins: setting(list(origin()).default([]), {
      group: "Rooms",
      value: "origin",
      name: "allowedOrigin",
      about: "web pages that may use signaling beside the server's own, by origin",
      defaultText: "every page",
    }),
    redis: setting(redisUrl().optional(), {
      group: "Several nodes",
      value: "url",
      about:
        "shares rooms with other servers that name the same Redis or Valkey; needs a secret that all of them have",
      secret: true,
    }),
    nodeUrl: setting(signalUrl().optional(), {
      group: "Several nodes",
      value: "url",
      about: "where clients reach this node and no other, for those who are sent away from one that drains",
      defaultText: "wss://PUBLIC-HOST/signal with --public-host and --tls-port",
    }),
    nodeTimeoutSeconds: setting(whole(1, 60).default(6), {
      group: "Several nodes",
      value: "seconds",
      about:
        "a node that Redis has not heard of for so long is gone; five beats, so that one that is lost costs nothing",
    }),
    trustedProxies: setting(list(cidr()).default([]), {
      group: "Operation",
      value: "cidr",
      name: "trustedProxy",
      about: "proxies whose PROXY header and X-Forwarded-For are believed",
    }),
    adminHost: setting(ip().prefault("127.0.0.1"), {
      group: "Operation",
      value: "ip",
      about: "address of the admin port; whoever reaches it reads the metrics and ends calls",
    }),
    adminPort: setting(port().default(9090), {
      group: "Operation",
      value: "port",
      about: "metrics, health and rooms (TCP)",
    }),
    logLevel: setting(oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"), {
      group: "Operation",
      value: "level",
      about: "JSON lines on stderr from this level on",
    }),
    shutdownSeconds: setting(whole(0, 3600).default(5), {
      group: "Operation",
      value: "seconds",
      about: "how long SIGTERM lets members go before their sockets are cut",
    }),
    drainSeconds: setting(whole(1, 7 * 86_400).default(3600), {
      group: "Operation",
      value: "seconds",
      about: "how long SIGUSR2 lets running calls go on before SIGTERM's way; an hour outlasts most calls",
    }),
    limits: limits.prefault({}),
  },
  { error: "must be an object with settings" },
);

/** What a configuration file or a program may say. */
export type ConfigInput = DeepReadonly<z.input<typeof schema>>;
export type ParsedInput = z.output<typeof schema>;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export const SETTINGS = settingsOf(schema);
