/** Signaling on a server that somebody else owns: we add one listener and take it off again, no more. */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { pathOf } from "./http-routes.ts";
import { answerWithoutUpgrade, offersWebSocket } from "./other-upgrade.ts";
import { SIGNALING_PATH, type WebSocketEndpoint } from "./websocket-endpoint.ts";

/** Returns what takes the listener off; calling that twice is fine. */
export function attachUpgrade(server: Server, endpoint: WebSocketEndpoint): () => void {
  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Other paths may be another listener's; with none, the socket would hang unless we refuse it.
    const isOurs = pathOf(request) === SIGNALING_PATH || server.listenerCount("upgrade") === 1;
    if (!isOurs) return;
    if (offersWebSocket(request)) endpoint.handleUpgrade(request, socket, head);
    else answerWithoutUpgrade(server, request, socket);
  }
  server.on("upgrade", onUpgrade);
  return function detach() {
    server.off("upgrade", onUpgrade);
  };
}
