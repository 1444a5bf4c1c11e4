/** Where rules about TCP allocations (RFC 6062) take place: clients over TCP or TLS, peers over TCP. */

import type { IpAddress, TransportAddress } from "../../src/stun/address.ts";
import { type DataConnection, openDataConnection } from "../support/data-connection.ts";
import { openStreamTransport, type StreamTransportOptions } from "../support/stream-transport.ts";
import { openTcpPeer, type TcpPeer } from "../support/tcp-peer.ts";
import { TurnClient } from "../support/turn-client.ts";
import type { Credentials } from "../support/turn-request.ts";

export interface TcpPlaces {
  /** A connection for an allocation. */
  control(as: Credentials): Promise<TurnClient>;
  /** A connection beside that one, for what is bound. */
  data(control: TurnClient): Promise<DataConnection>;
  /** One that the server is willing to relay to; over IPv4. */
  peer(): Promise<TcpPeer>;
}

export interface TcpPlacesOptions extends Pick<StreamTransportOptions, "ca" | "tls"> {
  readonly server: TransportAddress;
  readonly clientIp: IpAddress;
  readonly peerIp: IpAddress;
  /** How long clients and peers wait. */
  readonly patienceMs?: number | undefined;
  /** Closes what was opened. */
  keep<T extends { close(): Promise<void> }>(opened: T): T;
}

export function createTcpPlaces({
  server,
  clientIp,
  peerIp,
  patienceMs,
  keep,
  ...tls
}: TcpPlacesOptions): TcpPlaces {
  const options = { server, from: clientIp, ...tls };
  return {
    control: async (as) => new TurnClient(keep(await openStreamTransport(options)), as, patienceMs),
    data: async (control) => keep(await openDataConnection(options, control, patienceMs)),
    peer: async () => keep(await openTcpPeer(peerIp, patienceMs)),
  };
}
