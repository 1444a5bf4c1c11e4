/** Who gets in at a TCP port: limits, in all and per address, and whose connection it is that a trusted proxy passes on. */

import type { Server, Socket } from "node:net";
import { isTrusted, readSocketAddress } from "./client-address.ts";
import { ConnectionCount, type ConnectionLimits, type Place } from "./connection-count.ts";
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
export function acceptConnections(server: Server, options: AcceptOptions): Iterable<Socket> {
  const { limits, route } = options;
  const places = new Map<Socket, Place>();
  const count = new ConnectionCount(limits);

  server.on("connection", function acceptConnection(socket: Socket) {
    socket.on("error", ignoreSocketError);
    const { remoteAddress } = socket;
    if (!takePlace(socket, remoteAddress)) return;
    socket.on("close", forgetConnection);
    if (isFromTrustedProxy(remoteAddress, limits)) readProxyHeader(socket, remoteAddress);
    else route(socket);
  });

  function takePlace(socket: Socket, remoteAddress: string | undefined): boolean {
    const place = count.take(remoteAddress);
    if (place === undefined) socket.destroy();
    else places.set(socket, place);
    return place !== undefined;
  }

  /** One function for all: a closure would cost each connection its own. */
  function forgetConnection(this: Socket): void {
    const place = places.get(this);
    places.delete(this);
    if (place !== undefined) count.giveBack(place);
  }

  function readProxyHeader(socket: Socket, proxy: string | undefined): void {
    takeProxyHeader(socket, options.headerMs, {
      taken(ends) {
        if (ends === undefined) return route(socket);
        nameEnds(socket, ends);
        // The proxy's place becomes the client's.
        forgetConnection.call(socket);
        if (takePlace(socket, endsOf(socket).remoteAddress)) route(socket);
      },
      malformed() {
        socket.destroy();
        options.proxyHeaderRefused(proxy ?? "");
      },
    });
  }

  return { [Symbol.iterator]: () => places.keys() };
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
