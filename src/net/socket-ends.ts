/** Between whom a connection is: what its socket says, or what a trusted proxy has said of it. */

import type { Socket } from "node:net";
import { formatIp } from "../stun/address.ts";
import type { ProxiedEnds } from "./proxy-header.ts";

/** As `net.Socket` has them; undefined where the socket is gone. */
export type SocketEnds = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

const proxied = new WeakMap<Socket, SocketEnds>();

/** Of every socket, whoever has accepted it. */
export function endsOf(socket: Socket): SocketEnds {
  return proxied.get(socket) ?? socket;
}

/** From now on the connection is the one that the proxy has passed on. */
export function nameEnds(socket: Socket, { source, destination }: ProxiedEnds): void {
  proxied.set(socket, {
    remoteAddress: formatIp(source),
    remotePort: source.port,
    localAddress: formatIp(destination),
    localPort: destination.port,
  });
}

/**
 * Carries what was said of connections over to the TLS sockets around them. `tls.Server` does not tell which socket is in which;
 * what both say of themselves is the same, and nobody else's.
 */
export class TlsEnds {
  readonly #byOwnEnds = new Map<string, SocketEnds>();

  /** Before `tls.Server` takes the socket. */
  remember(socket: Socket): void {
    const ends = proxied.get(socket);
    if (ends === undefined) return;
    const key = ownEnds(socket);
    this.#byOwnEnds.set(key, ends);
    socket.once("close", () => {
      if (this.#byOwnEnds.get(key) === ends) this.#byOwnEnds.delete(key);
    });
  }

  carryTo(tlsSocket: Socket): void {
    const ends = this.#byOwnEnds.get(ownEnds(tlsSocket));
    if (ends !== undefined) proxied.set(tlsSocket, ends);
  }
}

function ownEnds({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(" ");
}
