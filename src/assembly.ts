/** The relay, the hub and their observers, put together. Opens no port and starts no timer: `server.ts` does. */

import type { Cluster } from "./cluster/cluster.ts";
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
import type { HubPorts, MemberId, RoomControl, SignalingEvents } from "./signaling/ports.ts";
import { roomControl } from "./signaling/room-control.ts";
import { formatIp, isLoopback, urlHost } from "./stun/address.ts";
import type { CredentialVerifier, TurnEvents } from "./turn/ports.ts";
import { createRelayTargetPolicy } from "./turn/relay-target-policy.ts";
import { TurnServer } from "./turn/turn-server.ts";

export type Authorize = NonNullable<HubPorts["authorize"]>;

export interface AssemblyOptions {
  readonly config: Config;
  readonly authorize: Authorize | undefined;
  readonly otherNodeUrl: (() => string | undefined) | undefined;
  /** Undefined: this is the only node. */
  readonly cluster: Cluster | undefined;
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
  /** Those of all nodes. */
  readonly rooms: RoomControl;
  /** Others are in force from now on: everybody seated gets fresh iceServers, and static users who are none any more lose their relay. */
  changeCredentials(settings: CredentialSettings): void;
}

export function assemble(options: AssemblyOptions): Assembly {
  const { config, logger, cluster } = options;
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
  if (cluster !== undefined) watchCluster(metrics, cluster, hub);
  const rooms = roomControl((question) => (cluster ?? hub).answer(question));
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
  return { turn, hub, endpoint, metrics, rooms, changeCredentials };
}

function watchCluster(metrics: Metrics, cluster: Cluster, hub: Hub): void {
  metrics.watchCluster(() => ({
    isReady: cluster.isReady,
    nodes: cluster.nodeCount,
    passages: cluster.passageCount,
    guests: hub.guestCount,
  }));
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
  options: AssemblyOptions,
  events: SignalingEvents,
  turn: TurnServer,
  credentials: CredentialBook,
): Hub {
  const { config, authorize, cluster, turnPorts } = options;
  const otherNodeUrl = options.otherNodeUrl ?? (cluster && (() => cluster.otherNodeUrl()));
  const ports: HubPorts = {
    now: () => performance.now(),
    issueIceServers({ peer, roomKey }, info) {
      const expiresAt = nowSeconds() + config.ttlSeconds;
      const credential = credentials.issue(roomUser(peer, roomKey), expiresAt);
      if (config.turnUrls.length > 0)
        return { iceServers: poolIceServers(config.turnUrls, roomKey, credential), expiresAt };
      const host = config.publicHost ?? ownAddressOf(options) ?? info.host;
      const hostIsPublic = config.publicHost !== undefined;
      const iceServers = buildIceServers({ host, hostIsPublic, ports: turnPorts() }, credential);
      return { iceServers, expiresAt };
    },
    iceSignalled: (from, to, ice) => turn.iceSignalled(from, to, ice),
    lastRelayedAt: (member) => turn.lastRelayedAtMs(roomUser(member.peer, member.roomKey), member),
    ...(authorize !== undefined && { authorize }),
    ...(cluster !== undefined && { directory: cluster }),
    ...(otherNodeUrl !== undefined && { otherNodeUrl }),
    events,
  };
  return new Hub({ ...config, ...config.limits }, ports);
}

/** Where several nodes have rooms, the name that a client used may lead to any of them, and a room's relay is at one. */
function ownAddressOf({ cluster, relayAddresses }: AssemblyOptions): string | undefined {
  if (cluster === undefined) return undefined;
  const address = relayAddresses.find(({ relayedIp }) => relayedIp.family === 4) ?? relayAddresses[0];
  return address && formatIp(address.relayedIp);
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
