/** Who gets in at a TCP port: limits, in all and per address, and whose connection it is that a trusted proxy passes on. */

import type { Server, Socket } from "node:net";
import { isTrusted, readSocketAddress } from "./client-address.ts";
import { ConnectionCount, type ConnectionLimits } from "./connection-count.ts";
import { takeProxyHeader } from "./proxied-connection.ts";
import { endsOf, nameEnds } from "./socket-ends.ts";

export interface AcceptOptions {
  readonly limits: ConnectionLimits;
  /** How long a trusted proxy may take for its PROXY header, or for whatever it begins with instead. */
  readonly headerMs: number;
  /** Told the address of a trusted proxy whose PROXY header could not be read. */
  readonly proxyHeaderRefused: (proxy: string) => void;
  readonly route: (socket: Socket) => void;
}

/** Returns every connection that is open: node:http knows nothing of those that are not HTTP. */
export function acceptConnections(server: Server, options: AcceptOptions): ReadonlySet<Socket> {
  const { limits, route } = options;
  const sockets = new Set<Socket>();
  const count = new ConnectionCount(limits);
  server.on("connection", function acceptConnection(socket: Socket) {
    socket.on("error", ignoreSocketError);
    const { remoteAddress } = socket;
    let giveBack = count.take(remoteAddress);
    if (giveBack === undefined) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once("close", function forgetConnection() {
      sockets.delete(socket);
      giveBack?.();
    });
    /** The proxy's place becomes the client's. */
    function countAsTheClients(): void {
      giveBack?.();
      giveBack = count.take(endsOf(socket).remoteAddress);
      if (giveBack === undefined) socket.destroy();
      else route(socket);
    }
    if (!isFromTrustedProxy(remoteAddress, limits)) return route(socket);
    takeProxyHeader(socket, options.headerMs, {
      taken(ends) {
        if (ends === undefined) return route(socket);
        nameEnds(socket, ends);
        countAsTheClients();
      },
      malformed() {
        socket.destroy();
        options.proxyHeaderRefused(remoteAddress ?? "");
      },
    });
  });
  return sockets;
}

function isFromTrustedProxy(
  remoteAddress: string | undefined,
  { trustedProxies }: ConnectionLimits,
): boolean {
  const ip = readSocketAddress(remoteAddress);
  return ip !== undefined && isTrusted(ip, trustedProxies);
}

/** What goes wrong on a socket ends it, and "close" follows. */
function ignoreSocketError(): void {}
