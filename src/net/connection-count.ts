/** How many connections are open, in all and per address; who is above a limit is not let in. */

import { type Cidr, isLoopback } from "../stun/address.ts";
import { isTrusted, limitKey, readSocketAddress } from "./client-address.ts";

export interface ConnectionLimits {
  readonly max: number;
  /** Not counted for trusted proxies, who carry everybody's connections. */
  readonly maxPerAddress: number;
  readonly trustedProxies: readonly Cidr[];
  readonly exemptLoopback: boolean;
}

/** The address that it counts for. */
export type Place = string;

const UNCOUNTED = "";

export class ConnectionCount {
  readonly #limits: ConnectionLimits;
  readonly #perAddress = new Map<string, number>();
  #size = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a place for a connection, with the address of the client; returns what to give back. Undefined: none is free. */
  take(remoteAddress: string | undefined): Place | undefined {
    const ip = readSocketAddress(remoteAddress);
    if (ip === undefined || this.#size >= this.#limits.max) return undefined;
    const isFree =
      isTrusted(ip, this.#limits.trustedProxies) || (this.#limits.exemptLoopback && isLoopback(ip));
    const key = isFree ? UNCOUNTED : limitKey(ip);
    if (key !== UNCOUNTED) {
      const open = this.#perAddress.get(key) ?? 0;
      if (open >= this.#limits.maxPerAddress) return undefined;
      this.#perAddress.set(key, open + 1);
    }
    this.#size++;
    return key;
  }

  giveBack(place: Place): void {
    this.#size--;
    if (place === UNCOUNTED) return;
    const left = (this.#perAddress.get(place) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(place, left);
    else this.#perAddress.delete(place);
  }
}
