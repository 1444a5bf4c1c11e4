/** TCP allocations without a socket: a test says which connections come about, and sees which are closed. */

import { type IpAddress, type IpFamily, type TransportAddress, withPort } from "../../src/stun/address.ts";
import type { PeerStream, TcpRelay, TcpRelayAllocator } from "../../src/turn/tcp-ports.ts";

export class MemoryStream implements PeerStream {
  readonly #listeners: (() => void)[] = [];
  isClosed = false;

  onClose(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const listener of this.#listeners) listener();
  }
}

/** A connection that is being made. */
export interface MemoryConnect {
  readonly peer: TransportAddress;
  readonly isGivenUp: boolean;
  succeed(): MemoryStream;
  fail(): void;
}

export class MemoryTcpRelay implements TcpRelay {
  readonly relayedAddress: TransportAddress;
  readonly connects: MemoryConnect[] = [];
  isListening = true;
  #receiver: Parameters<TcpRelay["onConnection"]>[0] = () => undefined;

  constructor(relayedAddress: TransportAddress) {
    this.relayedAddress = relayedAddress;
  }

  connect(peer: TransportAddress, done: (stream: PeerStream | undefined) => void): () => void {
    let isGivenUp = false;
    this.connects.push({
      peer,
      get isGivenUp() {
        return isGivenUp;
      },
      succeed() {
        const stream = new MemoryStream();
        done(stream);
        return stream;
      },
      fail: () => done(undefined),
    });
    return () => {
      isGivenUp = true;
    };
  }

  onConnection(receiver: Parameters<TcpRelay["onConnection"]>[0]): void {
    this.#receiver = receiver;
  }

  close(): void {
    this.isListening = false;
  }

  /** A peer connects. */
  accept(peer: TransportAddress): MemoryStream {
    const stream = new MemoryStream();
    this.#receiver(peer, stream);
    return stream;
  }
}

/** Ports in order from 49152 on, as those of `MemoryRelayAllocator`: each is there over both protocols. */
export class MemoryTcpAllocator implements TcpRelayAllocator {
  readonly relays: MemoryTcpRelay[] = [];
  readonly pairs: (readonly [MemoryStream, MemoryStream])[] = [];
  readonly #ips: readonly IpAddress[];

  constructor(ips: readonly IpAddress[]) {
    this.#ips = ips;
  }

  supports(family: IpFamily): boolean {
    return this.#ips.some((ip) => ip.family === family);
  }

  open(family: IpFamily, done: (relay: TcpRelay | undefined) => void): void {
    const ip = this.#ips.find((candidate) => candidate.family === family);
    const relay = ip && new MemoryTcpRelay(withPort(ip, 49152 + this.relays.length));
    if (relay !== undefined) this.relays.push(relay);
    setImmediate(() => done(relay));
  }

  /** As a connection is: with one end the other one ends. */
  pair(): readonly [MemoryStream, MemoryStream] {
    const pair = [new MemoryStream(), new MemoryStream()] as const;
    const [near, far] = pair;
    near.onClose(() => far.close());
    far.onClose(() => near.close());
    this.pairs.push(pair);
    return pair;
  }
}
