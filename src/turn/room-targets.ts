/**
 * Who is where in each room, as far as the relay has learnt it: the addresses and ICE passwords that members signal, and the sources of
 * their authenticated TURN traffic. All of it is bounded, and is forgotten with the seat.
 */

import { type IpAddress, parseIp, sameIp, withPort } from "../stun/address.ts";
import type { ClaimLedger } from "./claim-ledger.ts";
import type { RelayTargetPolicy, TurnUser } from "./ports.ts";

export type RoomMember = NonNullable<TurnUser["room"]>;

/** What a target is to a member: "open" where the relay may send anything, "claimed" until it has proved to be in the call. */
export type Standing = "open" | "claimed" | "stranger";

export interface SignalledIce {
  readonly addresses: readonly string[];
  readonly icePasswords: readonly string[];
}

/** What a message must be protected with to prove that it comes from this member. */
export interface ProofKey {
  readonly peer: string;
  readonly key: Uint8Array;
}

const MAX_CLIENT_IPS = 16;
const MAX_CLAIMED_IPS = 16;
/** ICE restarts, and several connections between the same two: the last three descriptions count. */
const MAX_DESCRIPTIONS = 3;

interface Known {
  /** Where TURN requests came from, the last one at the end. */
  readonly clientIps: IpAddress[];
  /** From candidates, the last one at the end. */
  readonly claimedIps: IpAddress[];
  /** By the member that they were signalled to: the passwords of descriptions, newest first. */
  readonly passwordsTo: Map<string, readonly Uint8Array[][]>;
}

export class RoomTargets {
  /** By room, then by member. */
  readonly #rooms = new Map<string, Map<string, Known>>();
  readonly #policy: RelayTargetPolicy;
  readonly #ledger: ClaimLedger;

  constructor(policy: RelayTargetPolicy, ledger: ClaimLedger) {
    this.#policy = policy;
    this.#ledger = ledger;
  }

  /** Rooms of which something is known. */
  get size(): number {
    return this.#rooms.size;
  }

  /** An authenticated request came from there; its nonce, or its connection, shows that the source is no forgery. */
  clientSeen(member: RoomMember, source: IpAddress): void {
    const { clientIps } = this.#knownOf(member);
    const last = clientIps.at(-1);
    if (last !== undefined && sameIp(last, source)) return;
    // A copy: a listener may use its address again.
    moveToEnd(clientIps, withPort(source, 0));
    if (clientIps.length > MAX_CLIENT_IPS) clientIps.shift();
  }

  /** A member has signalled this to another one. Call it for members who have a seat. */
  iceSignalled(from: RoomMember, to: string, ice: SignalledIce): void {
    const { claimedIps, passwordsTo } = this.#knownOf(from);
    for (const text of ice.addresses) {
      const ip = parseIp(text);
      // A member's candidates name the same few addresses again and again.
      if (ip !== undefined && (includesIp(claimedIps, ip) || this.#canBeClaimed(ip)))
        this.#claim(claimedIps, ip);
    }
    if (ice.icePasswords.length === 0) return;
    const keys = ice.icePasswords.map(ownBytes);
    const isSaidAgain = (description: readonly Uint8Array[]) =>
      keys.every((key) => description.some((known) => Buffer.compare(known, key) === 0));
    const others = (passwordsTo.get(to) ?? []).filter((description) => !isSaidAgain(description));
    passwordsTo.set(to, [keys, ...others].slice(0, MAX_DESCRIPTIONS));
  }

  /** The member's seat is gone. */
  forget({ roomKey, peer }: RoomMember): void {
    const room = this.#rooms.get(roomKey);
    room?.delete(peer);
    if (room?.size === 0) this.#rooms.delete(roomKey);
    for (const { passwordsTo } of room?.values() ?? []) passwordsTo.delete(peer);
  }

  /** Whether this member's authenticated TURN traffic came from there. */
  isClientOf({ roomKey, peer }: RoomMember, ip: IpAddress): boolean {
    return includesIp(this.#rooms.get(roomKey)?.get(peer)?.clientIps ?? [], ip);
  }

  /** What a member may send there, for all that others of its room have shown. */
  standing({ roomKey, peer }: RoomMember, target: IpAddress): Standing {
    let isClaimed = false;
    for (const [other, { clientIps, claimedIps }] of this.#rooms.get(roomKey) ?? []) {
      if (other === peer) continue;
      if (includesIp(clientIps, target)) return "open";
      isClaimed ||= includesIp(claimedIps, target);
    }
    return isClaimed ? "claimed" : "stranger";
  }

  /**
   * What a message from a claimed address may be protected with (RFC 8445 sections 7.2.2 and 7.3): a check with a password of the member
   * who is checked, an answer with one of whoever answers.
   */
  *proofKeys(
    { roomKey, peer }: RoomMember,
    target: IpAddress,
    kind: "check" | "answer",
  ): Generator<ProofKey> {
    const room = this.#rooms.get(roomKey);
    for (const [other, known] of room ?? []) {
      if (other === peer || !includesIp(known.claimedIps, target)) continue;
      const descriptions =
        kind === "check" ? room?.get(peer)?.passwordsTo.get(other) : known.passwordsTo.get(peer);
      for (const description of descriptions ?? []) {
        for (const key of description) yield { peer: other, key };
      }
    }
  }

  #knownOf({ roomKey, peer }: RoomMember): Known {
    let room = this.#rooms.get(roomKey);
    if (room === undefined) {
      room = new Map();
      this.#rooms.set(roomKey, room);
    }
    let known = room.get(peer);
    if (known === undefined) {
      known = { clientIps: [], claimedIps: [], passwordsTo: new Map() };
      room.set(peer, known);
    }
    return known;
  }

  /** Nothing is kept of what the network policy refuses: a private address takes no place from one that can be reached. */
  #canBeClaimed(ip: IpAddress): boolean {
    const verdict = this.#policy.judge(ip);
    return verdict === "allowed" || verdict === "own-open";
  }

  /**
   * Where the list is full, the oldest address to which nothing was sent makes room: a phone may change its network all day, and
   * still a member never has packets sent to more than sixteen strangers.
   */
  #claim(claimedIps: IpAddress[], ip: IpAddress): void {
    if (!includesIp(claimedIps, ip) && claimedIps.length >= MAX_CLAIMED_IPS) {
      const unused = claimedIps.findIndex((claimed) => this.#ledger.isClear(claimed));
      if (unused < 0) return;
      claimedIps.splice(unused, 1);
    }
    moveToEnd(claimedIps, ip);
  }
}

/** In memory of their own: a small Buffer is a piece of a large one, which lives as long as any piece of it. */
function ownBytes(password: string): Uint8Array {
  return Uint8Array.from(Buffer.from(password));
}

function includesIp(list: readonly IpAddress[], ip: IpAddress): boolean {
  for (const one of list) if (sameIp(one, ip)) return true;
  return false;
}

function moveToEnd(list: IpAddress[], ip: IpAddress): void {
  const at = list.findIndex((one) => sameIp(one, ip));
  if (at >= 0) list.splice(at, 1);
  list.push(ip);
}
