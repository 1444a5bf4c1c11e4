/**
 * Requests that offer a protocol which nobody here speaks, as `Upgrade: h2c` from curl and Java. With an "upgrade"
 * listener node:http hands all of them to it; without one it passes the offer over and answers (RFC 9110 section 7.8:
 * "A server MAY ignore a received Upgrade header field"). So it is done here.
 */

import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { refuseUpgrade } from "./websocket-endpoint.ts";

export function offersWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** Answers as if nothing had been offered, and closes the connection: its parser is gone. */
export function answerWithoutUpgrade(server: Server, request: IncomingMessage, socket: Duplex): void {
  const { headers } = request;
  socket.on("error", ignoreSocketError);
  if (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0") {
    // node:http has stopped reading before the body.
    refuseUpgrade(socket, 400);
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once("finish", () => {
    response.detachSocket(socket as Socket);
    socket.end(() => socket.destroy());
  });
  server.emit("request", request, response);
}

function ignoreSocketError(): void {}
