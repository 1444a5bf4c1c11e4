/** Every live allocation, by what the relay looks it up by, and what counts against the quotas. */

import { hostKey, type IpAddress, sameIp, type TransportAddress } from "../stun/address.ts";
import type { Allocation, AllocationRelay } from "./allocation.ts";
import type { ClientLink, LinkHolding, TurnUser } from "./ports.ts";

/** An allocation whose relay sockets are being opened: it counts as if it were there. */
export interface Opening {
  readonly user: TurnUser;
  readonly link: ClientLink;
  /** What the link holds meanwhile. */
  readonly pending: LinkHolding;
  /** Relayed addresses that it will have. */
  readonly relays: number;
  /** The same, and a port that it reserves. */
  readonly ports: number;
}

export class AllocationTable {
  readonly #all = new Set<Allocation>();
  readonly #opening = new Set<Opening>();
  /** Over UDP. By relayed port, then by relayed IP: a port is rarely held by two. */
  readonly #byRelayedPort = new Map<number, { relay: AllocationRelay; allocation: Allocation }[]>();
  readonly #byUser = new Map<string, Set<Allocation>>();
  /** Relayed addresses, and those that are being opened. */
  readonly #countByClient = new Map<string, number>();
  #relayCount = 0;

  get size(): number {
    return this.#all.size;
  }

  /** Relayed addresses: one or two of each allocation. This is what quotas and capacity count. */
  get relayCount(): number {
    return this.#relayCount;
  }

  [Symbol.iterator](): IterableIterator<Allocation> {
    return this.#all.values();
  }

  add(allocation: Allocation): void {
    this.#all.add(allocation);
    for (const relay of allocation.protocol === "udp" ? allocation.relays : []) {
      const { port } = relay.socket.relayedAddress;
      const onPort = this.#byRelayedPort.get(port);
      const entry = { relay, allocation };
      if (onPort === undefined) this.#byRelayedPort.set(port, [entry]);
      else onPort.push(entry);
    }
    this.#relayCount += allocation.relays.length;
    const { userId } = allocation.user;
    const ofUser = this.#byUser.get(userId);
    if (ofUser === undefined) this.#byUser.set(userId, new Set([allocation]));
    else ofUser.add(allocation);
    this.#countClients(allocation, allocation.relays.length);
  }

  /** False when it was not in the table. */
  remove(allocation: Allocation): boolean {
    if (!this.#all.delete(allocation)) return false;
    for (const relay of allocation.relays) this.#forget(allocation, relay);
    const { userId } = allocation.user;
    const ofUser = this.#byUser.get(userId);
    ofUser?.delete(allocation);
    if (ofUser?.size === 0) this.#byUser.delete(userId);
    return true;
  }

  /** One of two relayed addresses is over; call it while the allocation still has it. */
  removeRelay(allocation: Allocation, relay: AllocationRelay): void {
    if (this.#all.has(allocation)) this.#forget(allocation, relay);
  }

  #forget(allocation: Allocation, relay: AllocationRelay): void {
    const { port } = relay.socket.relayedAddress;
    const onPort = this.#byRelayedPort.get(port)?.filter((entry) => entry.relay !== relay) ?? [];
    if (onPort.length === 0) this.#byRelayedPort.delete(port);
    else this.#byRelayedPort.set(port, onPort);
    this.#relayCount--;
    this.#countClients(allocation, -1);
  }

  /** Its client moves: its addresses count where it is afterwards. */
  recountClients(allocation: Allocation, move: () => void): void {
    this.#countClients(allocation, -allocation.relays.length);
    move();
    this.#countClients(allocation, allocation.relays.length);
  }

  /** At each address of its client, once. */
  #countClients({ links }: Allocation, change: number): void {
    for (const key of new Set(links.map(({ remote }) => hostKey(remote)))) this.#count(key, change);
  }

  /** Ports that are being opened. */
  get openingCount(): number {
    let count = 0;
    for (const { ports } of this.#opening) count += ports;
    return count;
  }

  /** From here until `endOpening` it counts against every quota. */
  beginOpening(opening: Opening): void {
    this.#opening.add(opening);
    this.#count(hostKey(opening.link.remote), opening.relays);
  }

  endOpening(opening: Opening): void {
    if (this.#opening.delete(opening)) this.#count(hostKey(opening.link.remote), -opening.relays);
  }

  get openings(): Iterable<Opening> {
    return this.#opening;
  }

  /** Whose relayed address this is, over UDP. */
  atRelayedAddress(address: TransportAddress): Allocation | undefined {
    const onPort = this.#byRelayedPort.get(address.port);
    if (onPort === undefined) return undefined;
    for (const { relay, allocation } of onPort) {
      if (sameIp(relay.socket.relayedAddress, address)) return allocation;
    }
    return undefined;
  }

  ofUser(userId: string): ReadonlySet<Allocation> {
    return this.#byUser.get(userId) ?? new Set();
  }

  /** Relayed addresses of this user, and ports that are being opened for it. */
  countOfUser(userId: string): number {
    let count = 0;
    for (const { relays } of this.ofUser(userId)) count += relays.length;
    for (const { user, ports } of this.#opening) if (user.userId === userId) count += ports;
    return count;
  }

  countOfClientIp(ip: IpAddress): number {
    return this.#countByClient.get(hostKey(ip)) ?? 0;
  }

  #count(key: string, change: number): void {
    const count = (this.#countByClient.get(key) ?? 0) + change;
    if (count === 0) this.#countByClient.delete(key);
    else this.#countByClient.set(key, count);
  }
}

/** Whether it counts at this address. */
export function isAt({ links }: Allocation, ip: IpAddress): boolean {
  return links.some(({ remote }) => hostKey(remote) === hostKey(ip));
}
