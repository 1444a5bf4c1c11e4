/** Opens every port that the configuration names, and tells of all that failed. */

import type { Config } from "./config/config.ts";
import { turnOverTcp } from "./config/turn-over-tcp.ts";
import type { TurnPorts } from "./credentials/ice-servers.ts";
import { CertificateFiles } from "./net/certificate-files.ts";
import type { ConnectionLimits } from "./net/connection-count.ts";
import type { RequestHandler } from "./net/http-routes.ts";
import type { HttpOptions } from "./net/http-server.ts";
import {
  closeListeners,
  type ListenAddress,
  type Listener,
  type ListenFailure,
  type ListenPurpose,
  type ListenRequest,
  type ListenResult,
  listenOnAll,
  toFailure,
  toListenAddress,
} from "./net/listen.ts";
import { openNatDiscovery } from "./net/nat-discovery.ts";
import { TurnStreams } from "./net/stream-listener.ts";
import { openTcpListener, type TcpListenerOptions } from "./net/tcp-listener.ts";
import type { UdpEngine } from "./net/udp-engine.ts";
import type { UdpListener } from "./net/udp-listener.ts";
import type { IpAddress } from "./stun/address.ts";
import type { TurnServer } from "./turn/turn-server.ts";

/** One entry per listen address; a list is empty where nothing listens. */
export type PortAddresses = Readonly<Record<ListenPurpose, readonly ListenAddress[]>>;

export interface OpenPortsOptions {
  readonly config: Config;
  readonly turn: TurnServer;
  readonly udpEngine: UdpEngine;
  /** Called before the first HTTP port opens, and again when more is open: iceServers name these from the first join on. */
  readonly turnIsOpen: (ports: TurnPorts) => void;
  readonly site: RequestHandler;
  readonly upgrade: NonNullable<HttpOptions["upgrade"]>;
  /** False: HTTP is somebody else's server. */
  readonly ownHttp: boolean;
  /** Undefined: no admin port. */
  readonly admin: RequestHandler | undefined;
  readonly failed: (error: unknown) => void;
  /** Told the address of a trusted proxy whose PROXY header could not be read. */
  readonly proxyHeaderRefused: (proxy: string) => void;
  /** New files came, and are used from the next handshake on. */
  readonly certificateChanged: () => void;
  /** New files came that cannot be used: those before stay in use. */
  readonly certificateFailed: (error: unknown) => void;
}

export interface OpenPorts {
  /** STUN and TURN connections that are open at any time. */
  readonly turnConnections: TurnStreams["open"];
  /** Once a second. */
  readonly sweep: () => void;
  readonly listeners: readonly Listener[];
  readonly addresses: PortAddresses;
  /** Not empty: the start must fail, and the caller closes `listeners`. */
  readonly failures: readonly ListenFailure[];
}

const NOTHING: ListenResult = { listeners: [], failures: [] };
const MAX_ADMIN_CONNECTIONS = 100;

/** False: the servers of `turnUrls` serve instead. */
export function hasOwnRelay({ turnUrls }: Pick<Config, "turnUrls">): boolean {
  return turnUrls.length === 0;
}

/** Never rejects because of a port. */
export async function openPorts(options: OpenPortsOptions): Promise<OpenPorts> {
  const { config, turnIsOpen } = options;
  const streams = createTurnStreams(options);
  const turn = hasOwnRelay(config) ? await listenTurn(options, streams) : NOTHING;
  const turnPort = turn.listeners[0]?.address.port ?? config.turnPort;
  const ports = { udp: turnPort, tcp: turnOverTcp(config) === "none" ? undefined : turnPort, tls: undefined };
  turnIsOpen(ports);
  const tls = await listenTls(options, streams);
  turnIsOpen({ ...ports, tls: tls.listeners[0]?.address.port });
  const [http, admin] = await Promise.all([listenHttp(options, streams), listenAdmin(options)]);
  const results = [http, tls, turn, admin];
  const addressesOf = (result: ListenResult) =>
    result.listeners.map(({ address }) => toListenAddress(address));
  return {
    turnConnections: streams.open,
    sweep: tls.sweep,
    listeners: results.flatMap((result) => result.listeners),
    failures: results.flatMap((result) => result.failures),
    addresses: {
      http: addressesOf(http),
      tls: addressesOf(tls),
      turn: addressesOf(turn),
      admin: addressesOf(admin),
    },
  };
}

function createTurnStreams({ config, turn }: OpenPortsOptions): TurnStreams {
  return new TurnStreams({ turn, connections: turnConnectionLimits(config) });
}

function listenOnHosts(
  config: Config,
  what: ListenPurpose,
  port: number,
  open: ListenRequest["open"],
): Promise<ListenResult> {
  return listenOnAll({ what, hosts: config.hosts, skipMissingFamily: config.hostsAreDefault, port, open });
}

/** UDP, and TCP on the same number where no other port of ours has it. */
async function listenTurn(options: OpenPortsOptions, streams: TurnStreams): Promise<ListenResult> {
  const { config, ownHttp, failed, proxyHeaderRefused } = options;
  const overTcp = turnOverTcp(config, ownHttp);
  return listenOnHosts(config, "turn", config.turnPort, async (ip, port) => {
    const udp = await listenUdp(options, ip, port);
    if (overTcp !== "own") return udp;
    const connections = turnConnectionLimits(config);
    const server = { turn: streams, connections, failed, proxyHeaderRefused };
    try {
      const tcp = await openTcpListener(ip, udp.address.port, server);
      return { address: udp.address, close: () => closeListeners([udp, tcp]) };
    } catch (error) {
      await udp.close();
      throw error;
    }
  });
}

/** With four sockets on the first host of a family that has an alternate address. */
function listenUdp(
  { config, turn, udpEngine }: OpenPortsOptions,
  ip: IpAddress,
  port: number,
): Promise<UdpListener> {
  const { hosts, alternateIps, alternatePort } = config;
  const alternateIp = alternateIps.find(({ family }) => family === ip.family);
  const isFirst = hosts.find(({ family }) => family === ip.family) === ip;
  if (alternateIp === undefined || !isFirst) return udpEngine.listen({ ip, port, turn });
  const { listen } = udpEngine;
  return openNatDiscovery({ listen, turn, ip, port, alternateIp, alternatePort });
}

async function listenHttp(options: OpenPortsOptions, streams: TurnStreams): Promise<ListenResult> {
  const { config, ownHttp } = options;
  if (!ownHttp) return NOTHING;
  const server = siteOptions(options, streams);
  return listenOnHosts(config, "http", config.httpPort, (ip, port) => openTcpListener(ip, port, server));
}

interface TlsResult extends ListenResult {
  /** Looks whether the certificate is another one. */
  sweep(): void;
}

async function listenTls(options: OpenPortsOptions, streams: TurnStreams): Promise<TlsResult> {
  const { tls, hosts } = options.config;
  const [firstHost] = hosts;
  if (tls === undefined || firstHost === undefined) return { ...NOTHING, sweep: () => undefined };
  const { certFile, keyFile, port } = tls;
  let files: CertificateFiles;
  try {
    const clock = () => performance.now();
    files = await CertificateFiles.open({ certFile, keyFile, clock, failed: options.certificateFailed });
  } catch (error) {
    const reasons: unknown[] = error instanceof AggregateError ? error.errors : [error];
    const failures = reasons.map((reason) => toFailure("tls", firstHost, port, reason));
    return { listeners: [], failures, sweep: () => undefined };
  }
  const server = { ...siteOptions(options, streams), tlsOnly: true };
  const result = await listenOnHosts(options.config, "tls", port, async (ip, onPort) => {
    const listener = await openTcpListener(ip, onPort, { ...server, tls: files.current });
    files.onChange((changed) => listener.useCertificate(changed));
    return listener;
  });
  files.onChange(options.certificateChanged);
  return { ...result, sweep: () => void files.sweep() };
}

async function listenAdmin({ config, admin, failed }: OpenPortsOptions): Promise<ListenResult> {
  if (admin === undefined) return NOTHING;
  const connections: ConnectionLimits = {
    max: MAX_ADMIN_CONNECTIONS,
    maxPerAddress: MAX_ADMIN_CONNECTIONS,
    trustedProxies: [],
    exemptLoopback: false,
  };
  return listenOnAll({
    what: "admin",
    hosts: [config.adminHost],
    skipMissingFamily: false,
    port: config.adminPort,
    open: (ip, port) => openTcpListener(ip, port, { http: { request: admin }, connections, failed }),
  });
}

function siteOptions(
  { config, site, upgrade, failed, proxyHeaderRefused }: OpenPortsOptions,
  streams: TurnStreams,
): TcpListenerOptions {
  const { limits } = config;
  return {
    http: { request: site, upgrade },
    turn: hasOwnRelay(config) ? streams : undefined,
    connections: connectionLimits(
      config,
      // Above the limits for WebSockets, which are answered: pages and their modules need connections too.
      limits.maxConnections * 2 + limits.maxTurnConnections,
      limits.maxConnectionsPerAddress * 2 + limits.maxTurnConnectionsPerAddress,
    ),
    failed,
    proxyHeaderRefused,
  };
}

function turnConnectionLimits(config: Config): ConnectionLimits {
  const { maxTurnConnections, maxTurnConnectionsPerAddress } = config.limits;
  return connectionLimits(config, maxTurnConnections, maxTurnConnectionsPerAddress);
}

function connectionLimits(
  { trustedProxies, dev }: Config,
  max: number,
  maxPerAddress: number,
): ConnectionLimits {
  return { max, maxPerAddress, trustedProxies, exemptLoopback: dev };
}
