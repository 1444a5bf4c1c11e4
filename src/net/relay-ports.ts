/** The ports of the relay's range on one address, for one protocol: which of them are taken. */

import { randomInt } from "node:crypto";
import type { RelayPortParity } from "../turn/ports.ts";

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Ports that somebody else on this machine holds are passed over, this many in one request at most. */
const MAX_BIND_ATTEMPTS = 64;

export class RelayPorts {
  readonly #range: PortRange;
  readonly #taken = new Uint8Array(65536);

  constructor(range: PortRange) {
    this.#range = range;
  }

  /** Ports to try, the wanted ones together: one, or an even one and the next. Ends when there are no more, or enough have failed. */
  *candidates(parity: RelayPortParity): Generator<readonly number[]> {
    const passedOver = new Set<number>();
    for (let attempt = 0; attempt < MAX_BIND_ATTEMPTS; attempt++) {
      const port = this.#pick(parity, passedOver);
      if (port === undefined) return;
      passedOver.add(port);
      yield parity === "even-with-next" ? [port, port + 1] : [port];
    }
  }

  /** A free port, at random so that it cannot be guessed (RFC 8656 section 7.2): the first one from a random place on. */
  #pick(parity: RelayPortParity, passedOver: ReadonlySet<number>): number | undefined {
    const { min, max } = this.#range;
    const count = max - min + 1;
    const offset = randomInt(count);
    for (let i = 0; i < count; i++) {
      const port = min + ((offset + i) % count);
      if (this.#taken[port] === 1 || passedOver.has(port)) continue;
      if (parity === "any") return port;
      if (port % 2 !== 0) continue;
      if (parity === "even") return port;
      if (port < max && this.#taken[port + 1] === 0) return port;
    }
    return undefined;
  }

  /** Returns what gives the port back. */
  take(port: number): () => void {
    this.#taken[port] = 1;
    return () => {
      this.#taken[port] = 0;
    };
  }
}
