/** The relay, the hub and their observers, put together. Opens no port and starts no timer: `server.ts` does. */

import type { Config } from "./config/config.ts";
import { CredentialBook, type CredentialSettings } from "./credentials/credential-book.ts";
import { buildIceServers, type TurnPorts } from "./credentials/ice-servers.ts";
import { roomUser } from "./credentials/turn-credentials.ts";
import { poolIceServers } from "./credentials/turn-pool.ts";
import { ownAddresses, type RelayAddress } from "./net/relay-addresses.ts";
import { TcpRelaySockets } from "./net/tcp-relay-sockets.ts";
import type { UdpEngine } from "./net/udp-engine.ts";
import { WebSocketEndpoint } from "./net/websocket-endpoint.ts";
import { fanOut } from "./observe/fan-out.ts";
import type { Logger } from "./observe/logger.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { createOriginLog } from "./observe/origin-log.ts";
import { createRelayLog } from "./observe/relay-log.ts";
import { createSignalingLog } from "./observe/signaling-log.ts";
import { Hub } from "./signaling/hub.ts";
import type { HubPorts, MemberId, SignalingEvents } from "./signaling/ports.ts";
import { formatIp, isLoopback, urlHost } from "./stun/address.ts";
import type { CredentialVerifier, TurnEvents } from "./turn/ports.ts";
import { createRelayTargetPolicy } from "./turn/relay-target-policy.ts";
import { TurnServer } from "./turn/turn-server.ts";

export type Authorize = NonNullable<HubPorts["authorize"]>;

export interface AssemblyOptions {
  readonly config: Config;
  readonly authorize: Authorize | undefined;
  readonly otherNodeUrl: (() => string | undefined) | undefined;
  readonly logger: Logger;
  readonly relayAddresses: readonly RelayAddress[];
  readonly udpEngine: UdpEngine;
  /** The ports that iceServers name; asked when a member joins. */
  readonly turnPorts: () => TurnPorts;
}

export interface Assembly {
  readonly turn: TurnServer;
  readonly hub: Hub;
  readonly endpoint: WebSocketEndpoint;
  readonly metrics: Metrics;
  /** Others are in force from now on: everybody seated gets fresh iceServers, and static users who are none any more lose their relay. */
  changeCredentials(settings: CredentialSettings): void;
}

export function assemble(options: AssemblyOptions): Assembly {
  const { config, logger } = options;
  const metrics = createMetrics();
  const tellMember: TurnEvents = {
    targetRefused({ roomKey, peer }, target, reason) {
      if (roomKey === undefined || peer === undefined) return;
      hub.relayTargetRefused({ roomKey, peer }, formatIp(target), reason);
    },
  };
  const relayEvents = fanOut<TurnEvents>([metrics.relayEvents, createRelayLog(logger), tellMember]);
  const { realm, secrets, users } = config;
  const hasSeat = (member: MemberId) => hub.hasSeat(member);
  const credentials = new CredentialBook({ secrets, users, realm, nowSeconds, hasSeat });
  const turn = createRelay(options, relayEvents, credentials);
  // Leave, kick or close a room, and its allocations end with it; its credentials are refused from then on.
  const endRelay: SignalingEvents = {
    memberLeft: ({ roomKey, peer }) => turn.closeMember(roomKey, peer),
  };
  const events = fanOut<SignalingEvents>([endRelay, metrics.signalingEvents, createSignalingLog(logger)]);
  const hub = createHub(options, events, turn, credentials);
  metrics.watch(turn, () => hub.stats);
  const endpoint = new WebSocketEndpoint({
    connect: (link, info) => hub.connect(link, info),
    maxMessageBytes: config.limits.maxMessageBytes,
    maxConnections: config.limits.maxConnections,
    maxConnectionsPerAddress: config.limits.maxConnectionsPerAddress,
    trustedProxies: config.trustedProxies,
    allowedOrigins: pageOrigins(config),
    exemptLoopback: config.dev,
    originRefused: createOriginLog(logger, () => performance.now()),
    failed: (error) => logger.error({ err: error }, "a WebSocket met a defect"),
  });
  function changeCredentials(settings: CredentialSettings): void {
    for (const name of credentials.change(settings)) turn.closeStaticUser(name);
    hub.renewIceServers();
  }
  return { turn, hub, endpoint, metrics, changeCredentials };
}

/** With a list, the page under the public name as well: a TLS proxy that is not trusted hides that it was https. */
function pageOrigins({ allowedOrigins, publicHost }: Config): readonly string[] {
  if (allowedOrigins.length === 0 || publicHost === undefined) return allowedOrigins;
  const url = `https://${urlHost(publicHost)}`;
  return URL.canParse(url) ? [...allowedOrigins, new URL(url).origin] : allowedOrigins;
}

function createRelay(
  { config, relayAddresses, udpEngine, logger }: AssemblyOptions,
  events: TurnEvents,
  credentials: CredentialVerifier,
): TurnServer {
  const { realm, limits } = config;
  const relayIps = relayAddresses.flatMap(({ bindIp, relayedIp }) => [bindIp, relayedIp]);
  return new TurnServer({
    realm,
    relayTo: config.relayTo,
    credentials,
    allocator: udpEngine.createRelayAllocator(relayAddresses, config.relayPorts),
    tcpAllocator: config.tcpRelay
      ? new TcpRelaySockets(relayAddresses, config.relayPorts, (error) =>
          logger.error({ err: error }, "a relayed address over TCP cannot be listened on any more"),
        )
      : undefined,
    mobility: config.mobility,
    targets: createRelayTargetPolicy({
      allow: config.allowRelayTo,
      deny: config.denyRelayTo,
      lan: config.lan,
      dev: config.dev,
      relayIps,
      otherOwnIps: [...ownAddresses(), ...config.externalIps],
    }),
    clock: () => performance.now(),
    limits,
    isExempt: (client) => config.dev && isLoopback(client),
    events,
  });
}

function createHub(
  { config, authorize, otherNodeUrl, turnPorts }: AssemblyOptions,
  events: SignalingEvents,
  turn: TurnServer,
  credentials: CredentialBook,
): Hub {
  const ports: HubPorts = {
    now: () => performance.now(),
    issueIceServers({ peer, roomKey }, info) {
      const expiresAt = nowSeconds() + config.ttlSeconds;
      const credential = credentials.issue(roomUser(peer, roomKey), expiresAt);
      if (config.turnUrls.length > 0)
        return { iceServers: poolIceServers(config.turnUrls, roomKey, credential), expiresAt };
      const host = config.publicHost ?? info.host;
      const hostIsPublic = config.publicHost !== undefined;
      const iceServers = buildIceServers({ host, hostIsPublic, ports: turnPorts() }, credential);
      return { iceServers, expiresAt };
    },
    iceSignalled: (from, to, ice) => turn.iceSignalled(from, to, ice),
    lastRelayedAt: (member) => turn.lastRelayedAtMs(roomUser(member.peer, member.roomKey), member),
    ...(authorize !== undefined && { authorize }),
    ...(otherNodeUrl !== undefined && { otherNodeUrl }),
    events,
  };
  return new Hub({ ...config, ...config.limits }, ports);
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
