/**
 * What was sent to addresses that a member claims and that nobody has proved: by IP address, over all rooms, members, allocations, ports
 * and forms of that address, so that nothing an attacker does over again (leave and come back, restart ICE, take another allocation)
 * gives him more. What it says stays for an hour after the last packet; what went to a port where somebody proves himself is struck out.
 */

import { formatIp, type IpAddress, type TransportAddress } from "../stun/address.ts";
import { canonicalIp } from "./relay-target-policy.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Packets to one IP address in all. */
export const MAX_CLAIM_PACKETS = 200;
/** Burst and refill add up: in no second do more than 50 go out. */
const PACE = { burst: 25, perSecond: 25 };
const LIFETIME_MS = 3_600_000;
const MAX_CLAIMS = 65_536;
/** A transaction id, folded, and the port that it went to. */
const WORDS_PER_PACKET = 2;

interface Claim {
  readonly pace: TokenBucket;
  /** `WORDS_PER_PACKET` for each of `count` packets; grows. */
  packets: Uint32Array;
  count: number;
  expiresAtMs: number;
}

export class ClaimLedger {
  /** By canonical address, that with the oldest last packet first. */
  readonly #claims = new Map<string, Claim>();

  get size(): number {
    return this.#claims.size;
  }

  /** Enters a packet with this transaction id; false: it may not be sent. */
  take(target: TransportAddress, transactionId: Uint8Array, nowMs: number): boolean {
    const key = keyOf(target);
    let claim = this.#claims.get(key);
    if (claim !== undefined && claim.expiresAtMs <= nowMs) {
      this.#claims.delete(key);
      claim = undefined;
    }
    if (claim === undefined) {
      if (this.#claims.size >= MAX_CLAIMS) return false;
      claim = {
        pace: new TokenBucket(PACE.perSecond, PACE.burst),
        packets: new Uint32Array(16),
        count: 0,
        expiresAtMs: 0,
      };
    }
    if (claim.count >= MAX_CLAIM_PACKETS || !claim.pace.has(1, nowMs)) return false;
    claim.pace.take(1, nowMs);
    enter(claim, foldId(transactionId), target.port);
    claim.expiresAtMs = nowMs + LIFETIME_MS;
    this.#claims.delete(key);
    this.#claims.set(key, claim);
    return true;
  }

  /** Whether a packet with this transaction id went to this very port. */
  wentTo(target: TransportAddress, transactionId: Uint8Array): boolean {
    const id = foldId(transactionId);
    return this.#find(target, (entered, port) => entered === id && port === target.port);
  }

  /** Whether a packet with this transaction id went to any port there: what comes back with it may be an echo. */
  wentToIp(ip: IpAddress, transactionId: Uint8Array): boolean {
    const id = foldId(transactionId);
    return this.#find(ip, (entered) => entered === id);
  }

  /** Whether nothing is held against this address. */
  isClear(ip: IpAddress): boolean {
    return !this.#claims.has(keyOf(ip));
  }

  /** Somebody at this port has proved to be in the call: what went there went to no stranger. */
  strikeOut(target: TransportAddress): void {
    const key = keyOf(target);
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    const kept = { packets: new Uint32Array(claim.packets.length), count: 0 };
    for (let at = 0; at < claim.count * WORDS_PER_PACKET; at += WORDS_PER_PACKET) {
      const [id = 0, port = 0] = claim.packets.subarray(at, at + WORDS_PER_PACKET);
      if (port !== target.port) enter(kept, id, port);
    }
    Object.assign(claim, kept);
    if (claim.count === 0) this.#claims.delete(key);
  }

  sweep(nowMs: number): void {
    for (const [key, { expiresAtMs }] of this.#claims) {
      if (expiresAtMs > nowMs) break;
      this.#claims.delete(key);
    }
  }

  #find(ip: IpAddress, isMeant: (id: number, port: number) => boolean): boolean {
    const claim = this.#claims.get(keyOf(ip));
    if (claim === undefined) return false;
    for (let at = 0; at < claim.count * WORDS_PER_PACKET; at += WORDS_PER_PACKET) {
      if (isMeant(claim.packets[at] ?? 0, claim.packets[at + 1] ?? 0)) return true;
    }
    return false;
  }
}

function enter(claim: Pick<Claim, "packets" | "count">, id: number, port: number): void {
  const at = claim.count * WORDS_PER_PACKET;
  if (at >= claim.packets.length) {
    const longer = new Uint32Array(claim.packets.length * 2);
    longer.set(claim.packets);
    claim.packets = longer;
  }
  claim.packets[at] = id;
  claim.packets[at + 1] = port;
  claim.count++;
}

function keyOf(ip: IpAddress): string {
  return formatIp(canonicalIp(ip));
}

/** 32 bits of the 96 are enough: a mistake, once in millions, costs a client one check, and never opens anything. */
function foldId(id: Uint8Array): number {
  const view = new DataView(id.buffer, id.byteOffset, id.length);
  return (view.getUint32(0) ^ view.getUint32(4) ^ view.getUint32(8)) >>> 0;
}
