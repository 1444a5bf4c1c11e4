/**
 * One TCP port for everything that is served over TCP:
 *
 *   connection ─ limits ─ first bytes ─┬─ TLS ─ ALPN, or first bytes ─┬─► HTTP, WebSocket
 *                                      ├─ HTTP ───────────────────────┤
 *                                      └─ STUN, TURN ─────────────────┴─► the relay
 *
 * From a trusted proxy a PROXY header may come before the first bytes (accept-connections.ts).
 */

import type { Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from "node:tls";
import { formatIp, type IpAddress, withPort } from "../stun/address.ts";
import { acceptConnections } from "./accept-connections.ts";
import type { TlsFiles } from "./certificate-files.ts";
import type { ConnectionLimits } from "./connection-count.ts";
import { createHttpServer, type HttpOptions } from "./http-server.ts";
import type { Listener } from "./listen.ts";
import { type ProtocolRoutes, routeByFirstBytes } from "./port-demux.ts";
import { TlsEnds } from "./socket-ends.ts";
import type { TurnStreams } from "./stream-listener.ts";

export interface TcpListener extends Listener {
  /** From the next handshake on; connections that are open stay as they are. */
  useCertificate(files: TlsFiles): void;
}

export interface TcpListenerOptions {
  readonly http?: HttpOptions | undefined;
  readonly turn?: TurnStreams | undefined;
  readonly tls?: TlsFiles | undefined;
  /** With TLS: nothing is served outside it. */
  readonly tlsOnly?: boolean;
  /** Of connections of every kind, before a byte of them was read; and who may begin with a PROXY header. */
  readonly connections: ConnectionLimits;
  /** How long a connection may take to say what it speaks; before that a trusted proxy, to say whose it is; and TLS, for its handshake. */
  readonly firstBytesMs?: number;
  /** Told the address of a trusted proxy whose PROXY header could not be read. */
  readonly proxyHeaderRefused?: ((proxy: string) => void) | undefined;
  /** The system could not accept a connection; the server goes on. */
  readonly failed: (error: unknown) => void;
}

const FIRST_BYTES_MS = 10_000;
/** The kernel looks after peers that are gone without a word. */
const KEEP_ALIVE_DELAY_MS = 30_000;
/** RFC 7443 registers those of STUN. In this order: turnutils_uclient offers HTTP before them, and means TURN; browsers offer HTTP only. */
const ALPN_PROTOCOLS = ["stun.turn", "stun.nat-discovery", "http/1.1"];
const TLS_OPTIONS: TlsOptions = {
  minVersion: "TLSv1.2",
  ALPNProtocols: ALPN_PROTOCOLS,
};

/** Listens on one address. Rejects with the system's error; throws when the TLS files do not fit together. */
export async function openTcpListener(
  ip: IpAddress,
  port: number,
  options: TcpListenerOptions,
): Promise<TcpListener> {
  const http = options.http && createHttpServer(options.http);
  const firstBytesMs = options.firstBytesMs ?? FIRST_BYTES_MS;
  const tls =
    options.tls && createTlsServer({ ...TLS_OPTIONS, ...options.tls, handshakeTimeout: firstBytesMs });
  const route = createRouting({ ...options, firstBytesMs }, http, tls);
  const server = createServer({ noDelay: true });
  const sockets = acceptConnections(server, {
    limits: options.connections,
    headerMs: firstBytesMs,
    proxyHeaderRefused: options.proxyHeaderRefused ?? (() => undefined),
    route,
  });
  await listen(server, ip, port);
  server.on("error", options.failed);
  // node:http looks after its timeouts from the moment it listens, which it does not do itself here.
  http?.emit("listening");
  const { port: boundPort } = server.address() as AddressInfo;
  return {
    address: withPort(ip, boundPort),
    useCertificate(files) {
      tls?.setSecureContext({ ...TLS_OPTIONS, ...files });
    },
    close() {
      http?.close();
      return closeServer(server, sockets);
    },
  };
}

/** What is done with each connection. */
function createRouting(
  options: TcpListenerOptions & { readonly firstBytesMs: number },
  http: HttpServer | undefined,
  tls: TlsServer | undefined,
): (socket: Socket) => void {
  const { turn, tlsOnly = false, firstBytesMs } = options;
  const toHttp = http && ((socket: Socket) => handToHttp(http, socket));
  const inside: ProtocolRoutes = {
    ...(toHttp && { http: toHttp }),
    ...(turn && { turn: (socket) => turn.accept(socket, "tls") }),
  };
  const outside: ProtocolRoutes = {
    ...(tls && { tls: keptAlive(createTlsRoute(tls, inside, firstBytesMs)) }),
    ...(!tlsOnly && toHttp && { http: toHttp }),
    ...(!tlsOnly && turn && { turn: keptAlive((socket: Socket) => turn.accept(socket, "tcp")) }),
  };
  return routeSockets(outside, firstBytesMs);
}

/** HTTP has timeouts of its own, and WebSockets their heartbeat. */
function keptAlive(route: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    route(socket);
  };
}

/** Where there is one way only, whoever is at its end says what is wrong with the first bytes, and when they are late. */
function routeSockets(routes: ProtocolRoutes, firstBytesMs: number): (socket: Socket) => void {
  const [only, ...others] = Object.values(routes);
  if (only !== undefined && others.length === 0) return only;
  return (socket) => routeByFirstBytes(socket, routes, firstBytesMs);
}

function handToHttp(http: HttpServer, socket: Socket): void {
  http.emit("connection", socket);
  socket.resume();
}

/** `tls.Server` reads what is in the buffer of a socket that it is given; it never listens itself. */
function createTlsRoute(
  server: TlsServer,
  routes: ProtocolRoutes,
  firstBytesMs: number,
): (socket: Socket) => void {
  const ends = new TlsEnds();
  const routeUndecided = routeSockets(routes, firstBytesMs);
  // A handshake that fails or takes too long is only told of by tls.Server; the connection would stay open.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("secureConnection", function routeSecure(socket: TLSSocket) {
    socket.on("error", ignoreSocketError);
    ends.carryTo(socket);
    const { alpnProtocol } = socket;
    const chosen = typeof alpnProtocol === "string" ? alpnProtocol : "";
    if (chosen.startsWith("http/") && routes.http !== undefined) routes.http(socket);
    else if (chosen.startsWith("stun.") && routes.turn !== undefined) routes.turn(socket);
    else routeUndecided(socket);
  });
  return (socket) => {
    ends.remember(socket);
    server.emit("connection", socket);
  };
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

/** Cuts what is still open. Resolves when no handle is left. */
function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** What goes wrong on a socket ends it, and "close" follows. */
function ignoreSocketError(): void {}
