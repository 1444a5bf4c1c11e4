/**
 * What a client speaks, told by the first bytes of its connection:
 *
 *   0x16                 a TLS handshake (RFC 8446 section 5.1); no STUN method begins so
 *   two capital letters  an HTTP method; ChannelData never comes first, so that no channel is mistaken for one
 *   bits 00 or 01        STUN or ChannelData (RFC 8489 section 5, RFC 8656 section 12.4)
 *   anything else        nothing that is served here
 */

import type { Socket } from "node:net";

export type StreamProtocol = "tls" | "http" | "turn";

/** Each takes over a socket that is paused, with everything that came so far back in its buffer. */
export type ProtocolRoutes = Readonly<Partial<Record<StreamProtocol, (socket: Socket) => void>>>;

const TLS_HANDSHAKE = 0x16;

/** "undecided": one byte more will tell. */
export function protocolOf(firstBytes: Uint8Array): StreamProtocol | "undecided" | "garbage" {
  const [first, second] = firstBytes;
  if (first === undefined) return "undecided";
  if (first === TLS_HANDSHAKE) return "tls";
  if (first > 0x7f) return "garbage";
  // A capital letter is also the first byte of a channel's number; no method is one letter long.
  if (!isCapitalLetter(first)) return "turn";
  if (second === undefined) return "undecided";
  return isCapitalLetter(second) ? "http" : "turn";
}

function isCapitalLetter(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

/** Waits for the first bytes, of which some may be in the socket's buffer; a connection that does not say in time what it is, or that is nothing we serve, is cut. */
export function routeByFirstBytes(socket: Socket, routes: ProtocolRoutes, withinMs: number): void {
  let firstBytes: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), withinMs);

  function socketOnData(segment: Buffer): void {
    firstBytes = firstBytes.length === 0 ? segment : Buffer.concat([firstBytes, segment]);
    const protocol = protocolOf(firstBytes);
    if (protocol === "undecided") return;
    letGo();
    const route = protocol === "garbage" ? undefined : routes[protocol];
    if (route === undefined) {
      socket.destroy();
      return;
    }
    socket.pause();
    socket.unshift(firstBytes);
    route(socket);
  }

  function letGo(): void {
    clearTimeout(timer);
    socket.off("data", socketOnData);
    socket.off("close", letGo);
  }

  socket.on("data", socketOnData);
  socket.on("close", letGo);
  // One whose PROXY header was taken off is paused.
  socket.resume();
}
