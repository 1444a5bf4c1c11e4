/** Opens every port that the configuration names, and tells of all that failed. */

import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Config } from "./config/config.ts";
import type { RequestHandler } from "./net/http-routes.ts";
import { type ConnectionLimits, type HttpServerOptions, openHttpListener } from "./net/http-server.ts";
import {
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
import { openUdpListener } from "./net/udp-listener.ts";
import type { TurnServer } from "./turn/turn-server.ts";

/** One entry per listen address; a list is empty where nothing listens. */
export type PortAddresses = Readonly<Record<ListenPurpose, readonly ListenAddress[]>>;

export interface OpenPortsOptions {
  readonly config: Config;
  readonly turn: TurnServer;
  /** Called before the first HTTP port opens: iceServers name the TURN port from the first join on. */
  readonly turnIsOpen: (port: number) => void;
  readonly site: RequestHandler;
  readonly upgrade: NonNullable<HttpServerOptions["upgrade"]>;
  /** False: HTTP is somebody else's server. */
  readonly ownHttp: boolean;
  /** Undefined: no admin port. */
  readonly admin: RequestHandler | undefined;
  readonly failed: (error: unknown) => void;
}

export interface OpenPorts {
  readonly listeners: readonly Listener[];
  readonly addresses: PortAddresses;
  /** Not empty: the start must fail, and the caller closes `listeners`. */
  readonly failures: readonly ListenFailure[];
}

const NOTHING: ListenResult = { listeners: [], failures: [] };
const MAX_ADMIN_CONNECTIONS = 100;

/** Never rejects because of a port. */
export async function openPorts(options: OpenPortsOptions): Promise<OpenPorts> {
  const { config } = options;
  const turn = await listenTurn(options);
  options.turnIsOpen(turn.listeners[0]?.address.port ?? config.turnPort);
  const [http, tls, admin] = await Promise.all([
    listenHttp(options),
    listenTls(options),
    listenAdmin(options),
  ]);
  const results = [http, tls, turn, admin];
  const addressesOf = (result: ListenResult) =>
    result.listeners.map(({ address }) => toListenAddress(address));
  return {
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

function listenOnHosts(
  config: Config,
  what: ListenPurpose,
  port: number,
  open: ListenRequest["open"],
): Promise<ListenResult> {
  return listenOnAll({ what, hosts: config.hosts, skipMissingFamily: config.hostsAreDefault, port, open });
}

function listenTurn({ config, turn }: OpenPortsOptions): Promise<ListenResult> {
  return listenOnHosts(config, "turn", config.turnPort, (ip, port) => openUdpListener({ ip, port, turn }));
}

async function listenHttp(options: OpenPortsOptions): Promise<ListenResult> {
  const { config, ownHttp } = options;
  if (!ownHttp) return NOTHING;
  return listenOnHosts(config, "http", config.httpPort, (ip, port) =>
    openHttpListener(ip, port, siteOptions(options)),
  );
}

async function listenTls(options: OpenPortsOptions): Promise<ListenResult> {
  const { tls, hosts } = options.config;
  const [firstHost] = hosts;
  if (tls === undefined || firstHost === undefined) return NOTHING;
  const failed = (error: unknown) => toFailure("tls", firstHost, tls.port, error);
  const files = await Promise.allSettled([readFile(tls.certFile), readFile(tls.keyFile)]);
  const [cert, key] = files.map((file) => (file.status === "fulfilled" ? file.value : undefined));
  if (cert === undefined || key === undefined) {
    const reasons = files.filter((file) => file.status === "rejected").map(({ reason }) => reason);
    return { listeners: [], failures: reasons.map(failed) };
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    // Files that are no certificate and key, or that do not belong together.
    return { listeners: [], failures: [failed(error)] };
  }
  const server = { ...siteOptions(options), tls: { cert, key } };
  return listenOnHosts(options.config, "tls", tls.port, (ip, port) => openHttpListener(ip, port, server));
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
    open: (ip, port) => openHttpListener(ip, port, { request: admin, connections, failed }),
  });
}

function siteOptions({ config, site, upgrade, failed }: OpenPortsOptions): HttpServerOptions {
  return {
    request: site,
    upgrade,
    connections: {
      // Above the limits for WebSockets, which are answered: pages and their modules need connections too.
      max: config.limits.maxConnections * 2,
      maxPerAddress: config.limits.maxConnectionsPerAddress * 2,
      trustedProxies: config.trustedProxies,
      exemptLoopback: config.dev,
    },
    failed,
  };
}
