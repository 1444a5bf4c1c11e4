/** Every live allocation, by what the relay looks it up by, and what counts against the quotas. */

import { formatIp, type IpAddress, sameIp, type TransportAddress } from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";

export class AllocationTable {
  readonly #all = new Set<Allocation>();
  /** By relayed port, then by relayed IP: a port is rarely held by two. */
  readonly #byRelayedPort = new Map<number, Allocation[]>();
  readonly #byUser = new Map<string, Set<Allocation>>();
  readonly #countByClientIp = new Map<string, number>();

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Allocation> {
    return this.#all.values();
  }

  add(allocation: Allocation): void {
    this.#all.add(allocation);
    const { port } = allocation.relay.relayedAddress;
    const onPort = this.#byRelayedPort.get(port);
    if (onPort === undefined) this.#byRelayedPort.set(port, [allocation]);
    else onPort.push(allocation);
    const { userId } = allocation.user;
    const ofUser = this.#byUser.get(userId);
    if (ofUser === undefined) this.#byUser.set(userId, new Set([allocation]));
    else ofUser.add(allocation);
    const clientIp = formatIp(allocation.link.remote);
    this.#countByClientIp.set(clientIp, (this.#countByClientIp.get(clientIp) ?? 0) + 1);
  }

  /** False when it was not in the table. */
  remove(allocation: Allocation): boolean {
    if (!this.#all.delete(allocation)) return false;
    const { port } = allocation.relay.relayedAddress;
    const onPort = this.#byRelayedPort.get(port)?.filter((other) => other !== allocation) ?? [];
    if (onPort.length === 0) this.#byRelayedPort.delete(port);
    else this.#byRelayedPort.set(port, onPort);
    const { userId } = allocation.user;
    const ofUser = this.#byUser.get(userId);
    ofUser?.delete(allocation);
    if (ofUser?.size === 0) this.#byUser.delete(userId);
    const clientIp = formatIp(allocation.link.remote);
    const count = (this.#countByClientIp.get(clientIp) ?? 1) - 1;
    if (count === 0) this.#countByClientIp.delete(clientIp);
    else this.#countByClientIp.set(clientIp, count);
    return true;
  }

  /** Whose relayed address this is. */
  atRelayedAddress(address: TransportAddress): Allocation | undefined {
    const onPort = this.#byRelayedPort.get(address.port);
    if (onPort === undefined) return undefined;
    for (const allocation of onPort) if (sameIp(allocation.relay.relayedAddress, address)) return allocation;
    return undefined;
  }

  ofUser(userId: string): ReadonlySet<Allocation> {
    return this.#byUser.get(userId) ?? new Set();
  }

  countOfClientIp(ip: IpAddress): number {
    return this.#countByClientIp.get(formatIp(ip)) ?? 0;
  }
}
