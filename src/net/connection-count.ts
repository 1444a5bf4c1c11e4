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

  /** Takes a place for a connection, with the address of the client; returns what gives it back, once. Undefined: none is free. */
  take(remoteAddress: string | undefined): (() => void) | undefined {
    const ip = readSocketAddress(remoteAddress);
    if (ip === undefined || this.#size >= this.#limits.max) return undefined;
    const isFree =
      isTrusted(ip, this.#limits.trustedProxies) || (this.#limits.exemptLoopback && isLoopback(ip));
    const key = isFree ? undefined : limitKey(ip);
    if (key !== undefined) {
      const open = this.#perAddress.get(key) ?? 0;
      if (open >= this.#limits.maxPerAddress) return undefined;
      this.#perAddress.set(key, open + 1);
    }
    this.#size++;
    return () => this.#giveBack(key);
  }

  #giveBack(key: string | undefined): void {
    this.#size--;
    if (key === undefined) return;
    const left = (this.#perAddress.get(key) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(key, left);
    else this.#perAddress.delete(key);
  }
}
