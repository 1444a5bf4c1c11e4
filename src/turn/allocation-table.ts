/** Every live allocation, by what the relay looks it up by, and what counts against the quotas. */

import { formatIp, type IpAddress, sameIp, type TransportAddress } from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";
import type { ClientLink, LinkHolding, TurnUser } from "./ports.ts";

/** An allocation whose relay socket is being opened: it counts as if it were there. */
export interface Opening {
  readonly user: TurnUser;
  readonly link: ClientLink;
  /** What the link holds meanwhile. */
  readonly pending: LinkHolding;
}

export class AllocationTable {
  readonly #all = new Set<Allocation>();
  readonly #opening = new Set<Opening>();
  /** By relayed port, then by relayed IP: a port is rarely held by two. */
  readonly #byRelayedPort = new Map<number, Allocation[]>();
  readonly #byUser = new Map<string, Set<Allocation>>();
  readonly #countByClient = new Map<string, number>();

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
    this.#count(clientKey(allocation.link.remote), 1);
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
    this.#count(clientKey(allocation.link.remote), -1);
    return true;
  }

  get openingCount(): number {
    return this.#opening.size;
  }

  openingCountOf(userId: string): number {
    let count = 0;
    for (const opening of this.#opening) if (opening.user.userId === userId) count++;
    return count;
  }

  /** From here until `endOpening` it counts against every quota. */
  beginOpening(opening: Opening): void {
    this.#opening.add(opening);
    this.#count(clientKey(opening.link.remote), 1);
  }

  endOpening(opening: Opening): void {
    if (this.#opening.delete(opening)) this.#count(clientKey(opening.link.remote), -1);
  }

  get openings(): Iterable<Opening> {
    return this.#opening;
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
    return this.#countByClient.get(clientKey(ip)) ?? 0;
  }

  #count(key: string, change: 1 | -1): void {
    const count = (this.#countByClient.get(key) ?? 0) + change;
    if (count === 0) this.#countByClient.delete(key);
    else this.#countByClient.set(key, count);
  }
}

/** What the quota per address counts by: an IPv4 address, or the /64 that one IPv6 customer holds. */
function clientKey(ip: IpAddress): string {
  return ip.family === 4 ? formatIp(ip) : `${ip.w0.toString(16)}:${ip.w1.toString(16)}::/64`;
}
