/**
 * What was sent to addresses that a member claims and that nobody has proved: by IP address, over all rooms, members, allocations, ports
 * and forms of that address, so that nothing an attacker does over again (leave and come back, restart ICE, take another allocation)
 * gives him more. Of IPv6 by /64: one host may have all the addresses in it. What it says stays for an hour after the last packet; what went to a port where somebody proves himself is struck out.
 */

import { hostKey, type IpAddress, type TransportAddress } from "../stun/address.ts";
import { canonicalIp } from "./relay-target-policy.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Packets to one IPv4 address, or one /64, in all. */
export const MAX_CLAIM_PACKETS = 200;
/** Burst and refill add up: in no second do more than 50 go out. */
const PACE = { burst: 25, perSecond: 25 };
const LIFETIME_MS = 3_600_000;
const MAX_CLAIMS = 65_536;
/** Of one client's address: nobody has the ledger to himself, nor reaches thousands of strangers a minute by ever new claims. */
const MAX_CLAIMS_PER_CLIENT = 4096;
/** A transaction id, folded, and where it went: the port, and what of the address the claim does not say. */
const WORDS_PER_PACKET = 4;

interface Claim {
  readonly pace: TokenBucket;
  /** `WORDS_PER_PACKET` for each of `count` packets; grows. */
  packets: Uint32Array;
  count: number;
  expiresAtMs: number;
  /** Whose first packet made it. */
  readonly client: string;
}

export class ClaimLedger {
  /** By `hostKey`, that with the oldest last packet first. */
  readonly #claims = new Map<string, Claim>();

  /** Claims, by `hostKey` of the client that made them. */
  readonly #countByClient = new Map<string, number>();

  get size(): number {
    return this.#claims.size;
  }

  /** Enters a packet of this client with this transaction id; false: it may not be sent. */
  take(target: TransportAddress, transactionId: Uint8Array, from: IpAddress, nowMs: number): boolean {
    const ip = canonicalIp(target);
    const key = hostKey(ip);
    let claim = this.#claims.get(key);
    if (claim !== undefined && claim.expiresAtMs <= nowMs) {
      this.#forget(key, claim);
      claim = undefined;
    }
    claim ??= this.#open(key, hostKey(from));
    if (claim === undefined) return false;
    if (claim.count >= MAX_CLAIM_PACKETS || !claim.pace.has(1, nowMs)) return false;
    claim.pace.take(1, nowMs);
    enter(claim, [foldId(transactionId), target.port, ip.w2, ip.w3]);
    claim.expiresAtMs = nowMs + LIFETIME_MS;
    this.#claims.delete(key);
    this.#claims.set(key, claim);
    return true;
  }

  /** Whether a packet with this transaction id went to this very address and port. */
  wentTo(target: TransportAddress, transactionId: Uint8Array): boolean {
    const id = foldId(transactionId);
    const { w2, w3 } = canonicalIp(target);
    return this.#find(target, (packet) => isAt(packet, target.port, w2, w3) && packet[0] === id);
  }

  /** Whether a packet with this transaction id went to any port there: what comes back with it may be an echo. */
  wentToIp(ip: IpAddress, transactionId: Uint8Array): boolean {
    const id = foldId(transactionId);
    return this.#find(ip, (packet) => packet[0] === id);
  }

  /** Whether nothing is held against this very address. */
  isClear(ip: IpAddress): boolean {
    const { w2, w3 } = canonicalIp(ip);
    return !this.#find(ip, (packet) => packet[2] === w2 && packet[3] === w3);
  }

  /** Somebody at this port has proved to be in the call: what went there went to no stranger. */
  strikeOut(target: TransportAddress): void {
    const ip = canonicalIp(target);
    const key = hostKey(ip);
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    const kept = { packets: new Uint32Array(claim.packets.length), count: 0 };
    for (const packet of packetsOf(claim)) if (!isAt(packet, target.port, ip.w2, ip.w3)) enter(kept, packet);
    Object.assign(claim, kept);
    if (claim.count === 0) this.#forget(key, claim);
  }

  sweep(nowMs: number): void {
    for (const [key, claim] of this.#claims) {
      if (claim.expiresAtMs > nowMs) break;
      this.#forget(key, claim);
    }
  }

  /** Undefined: there is no room for one more. */
  #open(key: string, client: string): Claim | undefined {
    const count = this.#countByClient.get(client) ?? 0;
    if (this.#claims.size >= MAX_CLAIMS || count >= MAX_CLAIMS_PER_CLIENT) return undefined;
    const pace = new TokenBucket(PACE.perSecond, PACE.burst);
    const claim = { pace, packets: new Uint32Array(8 * WORDS_PER_PACKET), count: 0, expiresAtMs: 0, client };
    this.#claims.set(key, claim);
    this.#countByClient.set(client, count + 1);
    return claim;
  }

  #forget(key: string, { client }: Claim): void {
    this.#claims.delete(key);
    const count = (this.#countByClient.get(client) ?? 0) - 1;
    if (count > 0) this.#countByClient.set(client, count);
    else this.#countByClient.delete(client);
  }

  #find(ip: IpAddress, isMeant: (packet: Uint32Array) => boolean): boolean {
    const claim = this.#claims.get(hostKey(canonicalIp(ip)));
    if (claim === undefined) return false;
    for (const packet of packetsOf(claim)) if (isMeant(packet)) return true;
    return false;
  }
}

type Packets = Pick<Claim, "packets" | "count">;

function enter(into: Packets, packet: ArrayLike<number>): void {
  const at = into.count * WORDS_PER_PACKET;
  if (at >= into.packets.length) {
    const longer = new Uint32Array(into.packets.length * 2);
    longer.set(into.packets);
    into.packets = longer;
  }
  into.packets.set(packet, at);
  into.count++;
}

function* packetsOf({ packets, count }: Packets): Generator<Uint32Array> {
  for (let at = 0; at < count * WORDS_PER_PACKET; at += WORDS_PER_PACKET)
    yield packets.subarray(at, at + WORDS_PER_PACKET);
}

function isAt(packet: Uint32Array, port: number, w2: number, w3: number): boolean {
  return packet[1] === port && packet[2] === w2 && packet[3] === w3;
}

/** 32 bits of the 96 are enough: a mistake, once in millions, costs a client one check, and never opens anything. */
function foldId(id: Uint8Array): number {
  const view = new DataView(id.buffer, id.byteOffset, id.length);
  return (view.getUint32(0) ^ view.getUint32(4) ^ view.getUint32(8)) >>> 0;
}
