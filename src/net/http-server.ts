/** node:http with bounds on time and headers. It opens no port: `tcp-listener.ts` hands it connections, inside TLS or not. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { RequestHandler } from "./http-routes.ts";
import { answerWithoutUpgrade, offersWebSocket } from "./other-upgrade.ts";

export interface HttpOptions {
  readonly request: RequestHandler;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly timeouts?: HttpTimeouts;
}

export interface HttpTimeouts {
  /** From the connection, or the end of the last request, to the end of the headers. */
  readonly headersMs: number;
  /** To the end of the request. */
  readonly requestMs: number;
  /** Of a client that does not read its answer. */
  readonly silenceMs: number;
  readonly checkEveryMs: number;
}

const TIMEOUTS: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 15_000,
  silenceMs: 60_000,
  checkEveryMs: 5_000,
};
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 100;

export function createHttpServer({ request, upgrade, timeouts = TIMEOUTS }: HttpOptions): Server {
  const limits = {
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  // Not `server.timeout`: it would leave every WebSocket a timer for life.
  function onRequest(message: IncomingMessage, response: ServerResponse): void {
    message.socket.setTimeout(timeouts.silenceMs);
    request(message, response);
  }
  const server = createServer(limits, onRequest);
  server.maxHeadersCount = MAX_HEADERS;
  // Without a listener node answers "100 Continue" and invites the body that nobody reads.
  server.on("checkContinue", onRequest);
  if (upgrade !== undefined) server.on("upgrade", toUpgradeListener(server, upgrade));
  return server;
}

function toUpgradeListener(
  server: Server,
  upgrade: NonNullable<HttpOptions["upgrade"]>,
): NonNullable<HttpOptions["upgrade"]> {
  return function onUpgrade(request, socket, head) {
    if (offersWebSocket(request)) upgrade(request, socket, head);
    else answerWithoutUpgrade(server, request, socket);
  };
}
