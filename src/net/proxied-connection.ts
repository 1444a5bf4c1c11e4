/** The header that a trusted proxy may write at the beginning of a connection, taken off it. */

import type { Socket } from "node:net";
import { type ProxiedEnds, readProxyHeader } from "./proxy-header.ts";

export interface ProxiedConnectionHandlers {
  /** The socket is paused, with what follows the header in its buffer. Undefined: no header, or one that names nobody. */
  readonly taken: (ends: ProxiedEnds | undefined) => void;
  /** No header that can be read. The socket is paused. */
  readonly malformed: () => void;
}

/** Waits for the first bytes, which may be no header; a connection on which they are late is cut. */
export function takeProxyHeader(
  socket: Socket,
  withinMs: number,
  { taken, malformed }: ProxiedConnectionHandlers,
): void {
  let firstBytes: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), withinMs);

  function socketOnData(segment: Buffer): void {
    firstBytes = firstBytes.length === 0 ? segment : Buffer.concat([firstBytes, segment]);
    const header = readProxyHeader(firstBytes);
    if (header.kind === "incomplete") return;
    letGo();
    socket.pause();
    if (header.kind === "malformed") {
      malformed();
      return;
    }
    const rest = header.kind === "header" ? firstBytes.subarray(header.bytes) : firstBytes;
    if (rest.length > 0) socket.unshift(rest);
    taken(header.kind === "header" ? header.ends : undefined);
  }

  function letGo(): void {
    clearTimeout(timer);
    socket.off("data", socketOnData);
    socket.off("close", letGo);
  }

  socket.on("data", socketOnData);
  socket.on("close", letGo);
}
