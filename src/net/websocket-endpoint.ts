/**
 * The way from an HTTP upgrade to a connection of the hub. What is refused is refused with an HTTP status,
 * before a WebSocket exists:
 *
 *   upgrade ─ path ─ origin ─ connections in all, per address ─ handshake (ws) ─ hub.connect
 *             404    403      503            429                400, 426
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import type { Connection, ConnectionInfo, SignalingLink } from "../signaling/ports.ts";
import { type Cidr, formatIp, isLoopback } from "../stun/address.ts";
import { type Client, identifyClient, limitKey, type RequestFacts } from "./client-address.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { pathOf } from "./http-routes.ts";
import { endsOf } from "./socket-ends.ts";
import { WebSocketLink } from "./websocket-link.ts";

export const SIGNALING_PATH = "/signal";

export interface WebSocketEndpointOptions {
  /** Undefined: refused, and the link was closed with the reason. */
  readonly connect: (link: SignalingLink, info: ConnectionInfo) => Connection | undefined;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly trustedProxies: readonly Cidr[];
  /** Beside the server's own, as the request names it. Empty: every origin. */
  readonly allowedOrigins: readonly string[];
  /** Clients on loopback have no per-address limits. */
  readonly exemptLoopback: boolean;
  readonly originRefused: (origin: string) => void;
  readonly failed: (error: unknown) => void;
}

/** A message above the limit but below this many times of it is answered with an error; above, ws closes with 1009. */
const HARD_LIMIT_FACTOR = 4;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_FRAGMENTS = 256;

/** `closeTimeout` is missing in @types/ws 8.18. */
type ServerOptions = ConstructorParameters<typeof WebSocketServer>[0] & { closeTimeout: number };

export class WebSocketEndpoint {
  readonly #options: WebSocketEndpointOptions;
  readonly #server: WebSocketServer;
  /** With the address that each counts for. */
  readonly #open = new Map<WebSocket, string>();
  readonly #schedule = new FlushSchedule();
  readonly #openPerAddress = new Map<string, number>();
  readonly #onClose: (this: WebSocket) => void;
  #closing = false;

  constructor(options: WebSocketEndpointOptions) {
    this.#options = options;
    const serverOptions: ServerOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes * HARD_LIMIT_FACTOR,
      maxFragments: MAX_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#server = new WebSocketServer(serverOptions);
    const endpoint = this;
    // One listener for all: a closure would cost each WebSocket its own.
    this.#onClose = function onClose(this: WebSocket) {
      endpoint.#forget(this);
    };
  }

  /** Sockets that are open or closing. */
  get size(): number {
    return this.#open.size;
  }

  /** The listener for "upgrade" of a node:http server; an own property, so that it can be taken off again. */
  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // On our own ports somebody listens already; on another's server perhaps nobody does.
    const isHeard = socket.listenerCount("error") > 0;
    if (!isHeard) socket.on("error", ignoreSocketError);
    const client = identifyClient(requestFacts(request), this.#options.trustedProxies);
    if (client === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#refusalOf(request, client);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      if (!isHeard) socket.off("error", ignoreSocketError);
      this.#accept(webSocket, socket, client);
    });
  };

  /** Says goodbye to everyone; from now on nobody new is let in. */
  closeAll(code: number, reason: string): void {
    this.#closing = true;
    this.#schedule.flush();
    for (const webSocket of this.#open.keys()) webSocket.close(code, reason);
  }

  /** Cuts what is left. */
  terminateAll(): void {
    this.#closing = true;
    this.#schedule.flush();
    for (const webSocket of this.#open.keys()) webSocket.terminate();
  }

  #refusalOf(request: IncomingMessage, client: Client): number | undefined {
    const { maxConnections, maxConnectionsPerAddress, originRefused } = this.#options;
    if (pathOf(request) !== SIGNALING_PATH) return 404;
    // No Origin header: not a browser. The list protects browsers' users; other programs can write what they like.
    const { origin } = request.headers;
    if (origin !== undefined && !this.#isAllowed(origin, client)) {
      originRefused(origin);
      return 403;
    }
    if (this.#closing || this.#open.size >= maxConnections) return 503;
    const open = this.#openPerAddress.get(limitKey(client.ip)) ?? 0;
    if (open >= maxConnectionsPerAddress && !this.#isExempt(client)) return 429;
    return undefined;
  }

  #isAllowed(origin: string, { ownOrigin }: Client): boolean {
    const { allowedOrigins } = this.#options;
    return allowedOrigins.length === 0 || origin === ownOrigin() || allowedOrigins.includes(origin);
  }

  #isExempt(client: Client): boolean {
    return this.#options.exemptLoopback && isLoopback(client.ip);
  }

  #accept(webSocket: WebSocket, socket: Duplex, client: Client): void {
    this.#count(webSocket, limitKey(client.ip));
    // What goes wrong on a socket ends it, and "close" follows.
    webSocket.on("error", ignoreSocketError);
    const link = new WebSocketLink(webSocket, socket, this.#schedule);
    const info: ConnectionInfo = {
      address: formatIp(client.ip),
      host: client.host,
      secure: client.secure,
      exemptFromLimits: this.#isExempt(client),
    };
    const connection = this.#options.connect(link, info);
    if (connection !== undefined) link.deliverTo(connection, this.#options.failed);
  }

  #count(webSocket: WebSocket, key: string): void {
    this.#open.set(webSocket, key);
    this.#openPerAddress.set(key, (this.#openPerAddress.get(key) ?? 0) + 1);
    webSocket.on("close", this.#onClose);
  }

  #forget(webSocket: WebSocket): void {
    const key = this.#open.get(webSocket);
    if (key === undefined) return;
    this.#open.delete(webSocket);
    const left = (this.#openPerAddress.get(key) ?? 1) - 1;
    if (left > 0) this.#openPerAddress.set(key, left);
    else this.#openPerAddress.delete(key);
  }
}

const STATUS_LINES: ReadonlyMap<number, string> = new Map([
  [403, "403 Forbidden"],
  [404, "404 Not Found"],
  [429, "429 Too Many Requests"],
  [503, "503 Service Unavailable"],
]);

/** Answers an upgrade with a status and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  const statusLine = STATUS_LINES.get(status) ?? "400 Bad Request";
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${statusLine}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function requestFacts({ socket, headers }: IncomingMessage): RequestFacts {
  const ends = endsOf(socket);
  return {
    remoteAddress: ends.remoteAddress,
    // A system call that few requests need.
    localAddress: () => ends.localAddress,
    encrypted: socket instanceof TLSSocket,
    headers,
  };
}

function ignoreSocketError(): void {}
