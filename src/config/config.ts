/** The configuration after defaults, file, environment and flags: what `parse.ts` produces. */

import type { Cidr, IpAddress } from "../stun/address.ts";

export interface Config {
  /** Listen addresses for every port. Default: 0.0.0.0 and ::, the latter left out where the machine has no IPv6. */
  readonly hosts: readonly IpAddress[];
  /** True when `hosts` is the default, so that a missing family is no error. */
  readonly hostsAreDefault: boolean;
  /** HTTP, WebSocket, STUN and TURN (TCP). 0 picks a free port. */
  readonly httpPort: number;
  /** STUN and TURN (UDP and TCP). 0 picks a free port. The same as httpPort or the port of TLS: those serve it over TCP. */
  readonly turnPort: number;
  /** https, wss, STUN and TURN over TLS (TCP); undefined: no TLS. 0 picks a free port. */
  readonly tls: { readonly port: number; readonly certFile: string; readonly keyFile: string } | undefined;
  /** The name that iceServers and links carry; undefined: the name that the client used to reach us. */
  readonly publicHost: string | undefined;
  /** The public addresses of a 1:1 NAT in front of us, at most one per family. */
  readonly externalIps: readonly IpAddress[];
  readonly relayPorts: { readonly min: number; readonly max: number };
  /** "auto": the batched engine where it can be had, else `dgram`. */
  readonly udpEngine: "auto" | "batch" | "dgram";
  /** Threads that carry UDP; undefined: as many as the machine can use. */
  readonly workers: number | undefined;
  readonly realm: string;
  /** STUN and TURN servers that share our secret and serve instead of our own relay, which is not opened then. */
  readonly turnUrls: readonly string[];
  /** Newest first; never empty: with none configured there is a random one for the run (`secretIsRandom`). */
  readonly secrets: readonly string[];
  readonly secretIsRandom: boolean;
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Lifetime of issued credentials. */
  readonly ttlSeconds: number;
  readonly roomSize: number;
  readonly createOnJoin: boolean;
  /** In a room of two `leave` clears the room; default: roomSize === 2. */
  readonly clearOnLeave: boolean;
  readonly resumeSeconds: number;
  /** Where the credentials of a room relay to: to the other members of that room, or wherever the network rules let everybody. */
  readonly relayTo: "room" | "public";
  readonly allowRelayTo: readonly Cidr[];
  readonly denyRelayTo: readonly Cidr[];
  /** Opens the private ranges as relay targets. */
  readonly lan: boolean;
  /** Opens loopback as relay target, and lifts every limit per source and on bandwidth for clients on loopback. */
  readonly dev: boolean;
  /** TCP allocations (RFC 6062), for users outside of rooms. */
  readonly tcpRelay: boolean;
  /** Allocations may follow their clients to other addresses (RFC 8016). */
  readonly mobility: boolean;
  /** NAT behaviour discovery (RFC 5780): at most one more address of this machine per family; empty: off. */
  readonly alternateIps: readonly IpAddress[];
  /** Open where there is an alternate address. */
  readonly alternatePort: number;
  readonly adminHost: IpAddress;
  readonly adminPort: number;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** Shared with other nodes; undefined: this is the only one. May hold a password. */
  readonly redis: string | undefined;
  /** Where clients reach this node and no other. */
  readonly nodeUrl: string | undefined;
  readonly nodeTimeoutSeconds: number;
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly Cidr[];
  /** Origins that may open a WebSocket; empty: every origin. */
  readonly allowedOrigins: readonly string[];
  /** How long SIGTERM lets members go before sockets are cut. */
  readonly shutdownSeconds: number;
  /** How long a drain lets running calls go on. */
  readonly drainSeconds: number;
  readonly limits: ConfigLimits;
}

export interface ConfigLimits {
  // signaling
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  readonly maxRooms: number;
  readonly maxRoomsPerAddress: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly heartbeatSeconds: number;
  /** A connection that has not joined after this is closed. */
  readonly joinTimeoutSeconds: number;
  // relay
  /** Over TCP and TLS. */
  readonly maxTurnConnections: number;
  readonly maxTurnConnectionsPerAddress: number;
  readonly maxAllocations: number;
  readonly maxAllocationsPerAddress: number;
  /** Of a room. Default 12 × (roomSize − 1). */
  readonly maxAllocationsPerMember: number;
  /** Outside of rooms: static users and `turnpike credentials`. */
  readonly maxAllocationsPerUser: number;
  readonly maxPermissionsPerAllocation: number;
  readonly maxChannelsPerAllocation: number;
  /** Data relayed and 28 bytes a packet. 0: no limit. */
  readonly maxBitsPerSecondPerAllocation: number;
  readonly maxBitsPerSecondPerRoom: number;
  readonly maxBitsPerSecond: number;
  /** 256 KiB at least, whatever the rate. */
  readonly bandwidthBurstMilliseconds: number;
  /** Of TCP allocations with relay targets. */
  readonly maxRelayedConnections: number;
  readonly maxRelayedConnectionsPerAllocation: number;
  readonly relayedConnectionIdleSeconds: number;
  readonly unauthenticatedBurst: number;
  readonly unauthenticatedPerSecond: number;
}
