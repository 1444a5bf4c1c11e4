/**
 * The relay: takes packets from clients, answers STUN and TURN requests, relays data. It opens no socket and asks no clock but those that
 * it was given (`ports.ts`).
 *
 *   client packet ─ receive ─┬─ ChannelData ──────────────────────► handlers/relay-data
 *                            ├─ Send indication ──────────────────► handlers/relay-data
 *                            ├─ Binding request ─ limiter ────────► handlers/binding
 *                            └─ TURN request ─ authenticate ─┬─ ok ► handlers/* ─► answer with MESSAGE-INTEGRITY
 *                                                            └─ no ► limiter ────► 400, 401, 438 without
 */

import { ipv4FromWord } from "../stun/address.ts";
import { verifyFingerprint } from "../stun/integrity.ts";
import { decodeMessage, type StunMessage } from "../stun/message.ts";
import { METHOD } from "../stun/registry.ts";
import type { Allocation } from "./allocation.ts";
import { AllocationTable } from "./allocation-table.ts";
import { type AuthenticatedRequest, failure } from "./answer.ts";
import { AnswerLimiter } from "./answer-limiter.ts";
import { allocationOf, authenticate } from "./authenticate.ts";
import { Bandwidth } from "./bandwidth.ts";
import { Challenge } from "./challenge.ts";
import { startsChannelData } from "./channel-data.ts";
import { ClaimLedger } from "./claim-ledger.ts";
import { loseLink } from "./client-move.ts";
import { dispatch, isSupported } from "./dispatch.ts";
import { encodeAnswer } from "./encode-answer.ts";
import type { CarriedTotals } from "./flow-carrier.ts";
import { countFlows, countTotals, NOTHING_CARRIED, sweepFlows } from "./flows.ts";
import { handleBinding } from "./handlers/binding.ts";
import { connectionOf } from "./handlers/connection-bind.ts";
import { mobileAllocationOf } from "./handlers/mobile-refresh.ts";
import { receiveChannelData, receiveSendIndication } from "./handlers/relay-data.ts";
import { MobilityTickets } from "./mobility-tickets.ts";
import type {
  AllocationEnd,
  ClientLink,
  CredentialVerifier,
  DropReason,
  TurnEvents,
  TurnUser,
} from "./ports.ts";
import {
  closeAllocation,
  closeExpired,
  createAnnounce,
  createTurnCounters,
  type RelayState,
  type TurnCounters,
} from "./relay-state.ts";
import { Reservations } from "./reservations.ts";
import { lastHeardAtMs, reviewRoom } from "./room-policy.ts";
import { type RoomMember, RoomTargets, type SignalledIce } from "./room-targets.ts";
import type { TcpRelayAllocator } from "./tcp-ports.ts";
import { TcpRelays } from "./tcp-relays.ts";
import { unknownAttributes } from "./unknown-attributes.ts";

export type TurnServerOptions = Pick<
  RelayState,
  "allocator" | "targets" | "clock" | "limits" | "isExempt"
> & {
  readonly realm: string;
  readonly credentials: CredentialVerifier;
  /** Where a room's credentials relay to. Default "room": to its members. "public": wherever `targets` lets everybody. */
  readonly relayTo?: "room" | "public";
  readonly events: TurnEvents;
  /** Undefined: no TCP allocations (RFC 6062). */
  readonly tcpAllocator?: TcpRelayAllocator | undefined;
  /** Whether allocations may follow their clients to other addresses (RFC 8016). Default: they may not. */
  readonly mobility?: boolean;
};

const LOOPBACK = ipv4FromWord(0x7f00_0001);

export class TurnServer {
  readonly #state: RelayState;
  readonly #credentials: CredentialVerifier;
  readonly #challenge: Challenge;
  readonly #limiter: AnswerLimiter;
  /** By somebody else, and counted already. */
  #carried: CarriedTotals;

  constructor(options: TurnServerOptions) {
    const { realm, allocator, targets, clock, limits, isExempt, relayTo = "room" } = options;
    const { tcpAllocator, mobility = false } = options;
    this.#carried = allocator.carrier?.totals() ?? NOTHING_CARRIED;
    const ledger = new ClaimLedger();
    const counters = createTurnCounters();
    const announce = createAnnounce(options.events);
    this.#state = {
      allocator,
      targets,
      rooms: relayTo === "room" ? new RoomTargets(targets, ledger) : undefined,
      ledger,
      clock,
      limits,
      isExempt,
      draining: false,
      closed: false,
      table: new AllocationTable(),
      reservations: new Reservations(),
      bandwidth: new Bandwidth(limits, allocator.carrier?.bucketCells),
      tcp: tcpAllocator && new TcpRelays(tcpAllocator, { clock, limits, counters, announce }),
      mobility: mobility ? new MobilityTickets() : undefined,
      counters,
      announce,
    };
    this.#credentials = options.credentials;
    this.#challenge = new Challenge(realm, clock);
    const { unauthenticatedBurst: burst, unauthenticatedPerSecond: perSecond } = limits;
    this.#limiter = new AnswerLimiter({ burst, perSecond }, isExempt, clock, allocator.carrier?.sourceTable);
    allocator.carrier?.answerBindings({ burst, perSecond, exemptLoopback: isExempt(LOOPBACK) });
  }

  get allocationCount(): number {
    return this.#state.table.size;
  }

  get reservationCount(): number {
    return this.#state.reservations.size;
  }

  /** Tickets that name an allocation (RFC 8016). */
  get ticketCount(): number {
    return this.#state.mobility?.size ?? 0;
  }

  /** Connections with peers of TCP allocations. */
  get relayedConnectionCount(): number {
    return this.#state.tcp?.connectionCount ?? 0;
  }

  get counters(): Readonly<TurnCounters> {
    this.#countCarried();
    return this.#state.counters;
  }

  /** Handles one packet of a client, buffer[start, end). Never throws; the bytes are not kept. */
  receive(link: ClientLink, buffer: Uint8Array, start: number, end: number): void {
    if (this.#state.closed) return;
    try {
      if (startsChannelData(buffer[start] ?? 0)) {
        receiveChannelData(this.#state, link, buffer, start, end);
      } else {
        this.#receiveMessage(link, buffer.subarray(start, end));
      }
    } catch (error) {
      this.#state.announce("failed", error);
    }
  }

  /** A listener has lost a packet before, or after, it was the relay's. */
  countDrop(why: DropReason): void {
    this.#state.counters.drops[why]++;
  }

  /** The connection is gone: a 5-tuple over TCP or TLS ends with it. */
  linkClosed(link: ClientLink): void {
    const { holding } = link;
    if (holding === undefined) return;
    if (holding.kind === "allocation") loseLink(this.#state, holding, link);
    else abandonOpening(link);
  }

  /** Once a second: forgets what has expired. Expiry itself is checked on use. */
  sweep(): void {
    const nowMs = this.#state.clock();
    this.#countCarried();
    for (const allocation of this.#state.table) {
      sweepFlows(allocation, nowMs);
      if (!closeExpired(this.#state, allocation, nowMs)) allocation.forgetExpired(nowMs);
    }
    this.#state.reservations.sweep(nowMs);
    this.#state.bandwidth.sweep(nowMs);
    this.#state.ledger.sweep(nowMs);
    this.#state.tcp?.sweep(nowMs);
  }

  /** A member who has a seat signals addresses and ICE passwords to another one: what that one's checks will need. */
  iceSignalled(from: RoomMember, to: string, ice: SignalledIce): void {
    this.#state.rooms?.iceSignalled(from, to, ice);
  }

  /**
   * A member has left its room: its allocations end, those that are being made too, and what it has reserved. Others of the room
   * reach its addresses no more.
   */
  closeMember(roomKey: string, peer: string): void {
    this.#closeOf(({ room }) => room?.roomKey === roomKey && room.peer === peer, "room-left");
    this.#state.rooms?.forget({ roomKey, peer });
    reviewRoom(this.#state, roomKey, peer);
  }

  /** A static user is none any more, or has another password: the same for it. */
  closeStaticUser(name: string): void {
    // The userId of others may be the same name; their username is another one.
    this.#closeOf(({ userId, room }) => room === undefined && userId === name, "user-removed", name);
  }

  /**
   * When, by the clock, a packet was last relayed for this user: by an allocation of its own, or, for a member of a room, from it to
   * another one's. Undefined for one without an allocation who was not heard.
   */
  lastRelayedAtMs(userId: string, member?: RoomMember): number | undefined {
    let latest = member && lastHeardAtMs(this.#state, member);
    for (const allocation of this.#state.table.ofUser(userId)) {
      countFlows(allocation);
      const { lastRelayedAtMs } = allocation;
      if (latest === undefined || lastRelayedAtMs > latest) latest = lastRelayedAtMs;
    }
    return latest;
  }

  /** From now on only members of rooms get allocations: their calls go on, and may need others. What there is goes on. Idempotent. */
  drain(): void {
    this.#state.draining = true;
  }

  /** Ends every allocation and answers nothing any more. Idempotent. */
  close(): void {
    this.#state.closed = true;
    for (const allocation of this.#state.table) closeAllocation(this.#state, allocation, "shutdown");
    this.#state.reservations.sweep(Number.POSITIVE_INFINITY);
  }

  /** What others have carried since the last time. */
  #countCarried(): void {
    const { allocator, counters, announce } = this.#state;
    if (allocator.carrier === undefined) return;
    const totals = allocator.carrier.totals();
    const { bindings } = this.#carried;
    countTotals(counters, this.#carried, totals);
    this.#carried = totals;
    if (totals.bindings > bindings)
      announce("requestAnswered", METHOD.binding, undefined, totals.bindings - bindings);
  }

  #closeOf(isMeant: (user: TurnUser) => boolean, why: AllocationEnd, username?: string): void {
    const { table, reservations } = this.#state;
    const isOther = (name: string) => username !== undefined && name !== username;
    for (const { user, link, pending } of table.openings) {
      if (isMeant(user) && !isOther(pending.username) && link.holding === pending) abandonOpening(link);
    }
    for (const allocation of table) {
      if (isMeant(allocation.user) && !isOther(allocation.username))
        closeAllocation(this.#state, allocation, why);
    }
    reservations.dropOf(isMeant);
  }

  #receiveMessage(link: ClientLink, bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return this.#dropMalformed();
    const { message } = decoded;
    const { fingerprintOffset, messageClass, method } = message;
    if (fingerprintOffset >= 0 && !verifyFingerprint(bytes, fingerprintOffset)) return this.#dropMalformed();
    if (messageClass === "indication") {
      // A Binding indication only keeps a NAT's binding open.
      if (method === METHOD.send) this.#receiveSend(link, message);
      else if (method !== METHOD.binding) this.#dropMalformed();
      return;
    }
    if (messageClass !== "request") return this.#dropMalformed();
    if (method === METHOD.binding) return this.#receiveBinding(link, message);
    // RFC 8489 section 6.3: a method that is not supported is no message of ours; it is not answered.
    if (!isSupported(this.#state, method)) return this.#dropMalformed();
    this.#receiveTurnRequest(link, message);
  }

  #receiveSend(link: ClientLink, message: StunMessage): void {
    if (unknownAttributes(message).length > 0) return this.#dropMalformed();
    receiveSendIndication(this.#state, link, message);
  }

  #receiveBinding(link: ClientLink, message: StunMessage): void {
    const { bytes, errorCode, send } = handleBinding(link, message);
    if (this.#sendUnauthenticated(link, message, bytes, send)) {
      this.#state.announce("requestAnswered", METHOD.binding, errorCode);
    }
  }

  #receiveTurnRequest(link: ClientLink, received: StunMessage): void {
    const nowMs = this.#state.clock();
    const allocation = this.#liveAllocationOf(link, received, nowMs);
    // An Allocate is answered when its socket is open, and the bytes are ours only until we return.
    const message = { ...received, transactionId: Uint8Array.from(received.transactionId) };
    const authentication = authenticate(link, message, this.#challenge, this.#credentials, allocation);
    if (!authentication.ok) return this.#refuseUnauthenticated(link, message, authentication.code);
    if (link.connection !== undefined) link.connection.unauthenticatedAnswers = 0;
    const { username, user, key, algorithm, integrity } = authentication;
    if (user.room !== undefined) this.#state.rooms?.clientSeen(user.room, link.remote);
    const request: AuthenticatedRequest = { link, message, username, user, key, algorithm, nowMs };
    dispatch(this.#state, request, allocation, (answer) => {
      link.send(encodeAnswer(message, answer, { integrity, key }));
      const errorCode = answer.kind === "error" ? answer.code : undefined;
      this.#state.announce("requestAnswered", message.method, errorCode);
    });
  }

  /**
   * What the request is about: the allocation of its 5-tuple, the one that a ticket names, or the one whose connection a ConnectionBind
   * means. One whose lifetime is over ends here, before its key can vouch for anybody.
   */
  #liveAllocationOf(link: ClientLink, message: StunMessage, nowMs: number): Allocation | undefined {
    const { tcp } = this.#state;
    let allocation = allocationOf(link);
    if (message.method === METHOD.connectionBind) allocation = tcp && connectionOf(tcp, message)?.allocation;
    if (message.method === METHOD.refresh)
      allocation = mobileAllocationOf(this.#state, message) ?? allocation;
    if (allocation === undefined || closeExpired(this.#state, allocation, nowMs)) return undefined;
    return allocation;
  }

  /** An error without MESSAGE-INTEGRITY; with the challenge where the client may try again. */
  #refuseUnauthenticated(link: ClientLink, message: StunMessage, code: 400 | 401 | 438): void {
    const attributes = code === 400 ? [] : this.#challenge.attributesFor(link.remote);
    const answer = encodeAnswer(message, failure(code, ...attributes), undefined);
    if (this.#sendUnauthenticated(link, message, answer)) {
      this.#state.announce("requestAnswered", message.method, code);
    }
  }

  /** False when the limits say no. */
  #sendUnauthenticated(
    link: ClientLink,
    request: StunMessage,
    answer: Uint8Array,
    send = () => link.send(answer),
  ): boolean {
    const refusal = this.#limiter.refuse(link, request.bytes.length, answer.length);
    if (refusal !== undefined) {
      this.#state.counters.drops[refusal]++;
      return false;
    }
    this.#state.counters.unauthenticatedAnswers++;
    send();
    return true;
  }

  #dropMalformed(): void {
    this.#state.counters.drops.malformed++;
  }
}

/** An Allocate whose relay sockets are being opened comes to nothing: they are given back when they have opened. */
function abandonOpening(link: ClientLink): void {
  link.holding = undefined;
  link.release();
}
