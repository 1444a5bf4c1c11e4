/**
 * What TCP allocations (RFC 6062) ask of the world, beside `ports.ts`. Who reads and writes, and how much may wait where, is
 * for those who hold the sockets; who may connect to whom, and until when, is the relay's.
 */

import type { IpFamily, TransportAddress } from "../stun/address.ts";

/** A connection with a peer: the peer data connection of RFC 6062. Nothing that comes from it is lost before it is carried. */
export interface PeerStream {
  /** Called once, when it is over and what it was carried by too. */
  onClose(listener: () => void): void;
  /** Cuts it, and the client's connection that carries it. Idempotent. */
  close(): void;
}

/** Hears of what a client's connection carries, and says for how many milliseconds nothing more may be read on that way. */
export interface StreamMeter {
  /** Bytes went to the peer. */
  sent(bytes: number): number;
  /** Bytes came from the peer. */
  received(bytes: number): number;
}

/** A relayed transport address over TCP: it listens, and connections leave from it. */
export interface TcpRelay {
  readonly relayedAddress: TransportAddress;
  /** Calls `done` once, without a stream where there is no connection; not after what it returns, which gives up, was called. */
  connect(peer: TransportAddress, done: (stream: PeerStream | undefined) => void): () => void;
  /** Connections go to this receiver from now on. */
  onConnection(receiver: (peer: TransportAddress, stream: PeerStream) => void): void;
  /** Ends the listening, not the connections. Idempotent. */
  close(): void;
}

export interface TcpRelayAllocator {
  /** Whether relayed addresses of this family can be had at all. */
  supports(family: IpFamily): boolean;
  /** Calls `done` exactly once, now or later; without a relay where no port is left. */
  open(family: IpFamily, done: (relay: TcpRelay | undefined) => void): void;
  /** Both ends of a connection inside the process. */
  pair(): readonly [PeerStream, PeerStream];
}
