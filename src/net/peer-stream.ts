/** A connection with a peer, as the relay sees it; at first nobody reads it, and what the peer sends waits in its bounded buffers. */

import { type Duplex, duplexPair } from "node:stream";
import type { PeerStream, StreamMeter } from "../turn/tcp-ports.ts";
import { splice } from "./splice.ts";

export class DuplexPeerStream implements PeerStream {
  readonly #peer: Duplex;
  readonly #listeners: (() => void)[] = [];
  #client: Duplex | undefined;

  /** `peer` may be half-open: its end is passed on. */
  constructor(peer: Duplex) {
    this.#peer = peer;
    peer.on("error", ignoreStreamError);
    peer.once("close", () => this.#closed());
  }

  onClose(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#peer.destroy();
    this.#client?.destroy();
  }

  /** Once: bytes go both ways between this client and the peer until both have ended. */
  carryFor(client: Duplex, meter: StreamMeter): void {
    this.#client = client;
    client.once("close", () => this.#closed());
    splice(client, this.#peer, meter);
  }

  /** Both must be over: one may still be taking what the other one said last. */
  #closed(): void {
    if (!this.#peer.closed || this.#client?.closed === false) return;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/** Both ends of a connection inside the process; with one of them gone the other has nobody to hear from. */
export function peerStreamPair(): readonly [PeerStream, PeerStream] {
  const [near, far] = duplexPair();
  near.once("close", () => far.destroy());
  far.once("close", () => near.destroy());
  return [new DuplexPeerStream(near), new DuplexPeerStream(far)];
}

/** What goes wrong on a stream ends it, and "close" follows. */
function ignoreStreamError(): void {}
