/** node:http and node:https with bounds on time, headers and connections; one server per listen address. */

import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Cidr, formatIp, type IpAddress, withPort } from "../stun/address.ts";
import { isTrusted, limitKey, readSocketAddress } from "./client-address.ts";
import type { RequestHandler } from "./http-routes.ts";
import type { Listener } from "./listen.ts";
import { answerWithoutUpgrade, offersWebSocket } from "./other-upgrade.ts";
import { isLoopback } from "./relay-addresses.ts";

export interface HttpServerOptions {
  readonly request: RequestHandler;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** PEM; set for https. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  readonly connections: ConnectionLimits;
  /** The system could not accept a connection; the server goes on. */
  readonly failed: (error: unknown) => void;
}

/** TCP connections, before a byte of them was read. */
export interface ConnectionLimits {
  readonly max: number;
  /** Not counted for trusted proxies, who carry everybody's connections. */
  readonly maxPerAddress: number;
  readonly trustedProxies: readonly Cidr[];
  readonly exemptLoopback: boolean;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Of a client that does not read its answer; ws takes it off a WebSocket. */
const SILENCE_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_INTERVAL_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 100;

/** Listens on one address. Rejects with the system's error; throws when the TLS files do not fit together. */
export async function openHttpListener(
  ip: IpAddress,
  port: number,
  options: HttpServerOptions,
): Promise<Listener> {
  const server = createHttpServer(options);
  const sockets = trackSockets(server);
  await listen(server, ip, port);
  server.on("error", options.failed);
  const { port: boundPort } = server.address() as AddressInfo;
  return { address: withPort(ip, boundPort), close: () => closeHttpServer(server, sockets) };
}

function createHttpServer(options: HttpServerOptions): Server {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  };
  const server =
    options.tls === undefined
      ? createServer(limits, options.request)
      : createTlsServer(
          { ...limits, ...options.tls, minVersion: "TLSv1.2", handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS },
          options.request,
        );
  server.timeout = SILENCE_TIMEOUT_MS;
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = options.connections.max;
  // Without a listener node answers "100 Continue" and invites the body that nobody reads.
  server.on("checkContinue", options.request);
  if (options.upgrade !== undefined) server.on("upgrade", toUpgradeListener(server, options.upgrade));
  limitConnectionsPerAddress(server, options.connections);
  return server;
}

function toUpgradeListener(
  server: Server,
  upgrade: NonNullable<HttpServerOptions["upgrade"]>,
): NonNullable<HttpServerOptions["upgrade"]> {
  return function onUpgrade(request, socket, head) {
    if (offersWebSocket(request)) upgrade(request, socket, head);
    else answerWithoutUpgrade(server, request, socket);
  };
}

function limitConnectionsPerAddress(server: Server, limits: ConnectionLimits): void {
  const open = new Map<string, number>();
  server.on("connection", function countConnection(socket: Socket) {
    const ip = readSocketAddress(socket.remoteAddress);
    if (ip === undefined || isTrusted(ip, limits.trustedProxies)) return;
    if (limits.exemptLoopback && isLoopback(ip)) return;
    const key = limitKey(ip);
    const count = open.get(key) ?? 0;
    if (count >= limits.maxPerAddress) {
      socket.destroy();
      return;
    }
    open.set(key, count + 1);
    socket.once("close", function forgetConnection() {
      const left = (open.get(key) ?? 1) - 1;
      if (left > 0) open.set(key, left);
      else open.delete(key);
    });
  });
}

function listen(server: Server, ip: IpAddress, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: formatIp(ip), port, ipv6Only: ip.family === 6 }, function listening() {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Every TCP connection that is open. `closeAllConnections` knows nothing of those in the TLS handshake. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", function trackSocket(socket: Socket) {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** Cuts what is still open. Resolves when no handle is left. */
function closeHttpServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
