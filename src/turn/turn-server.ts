/**
 * The relay: takes packets from clients, answers STUN and TURN requests, relays data. It opens no socket and asks no clock but those that
 * it was given (`ports.ts`).
 *
 *   client packet ─ receive ─┬─ ChannelData ──────────────────────► handlers/relay-data
 *                            ├─ Send indication ──────────────────► handlers/relay-data
 *                            ├─ Binding request ─ limiter ────────► stun/binding
 *                            └─ TURN request ─ authenticate ─┬─ ok ► handlers/* ─► answer with MESSAGE-INTEGRITY
 *                                                            └─ no ► limiter ────► 400, 401, 438 without
 */

import { unknownAttributesAttribute } from "../stun/attributes.ts";
import { bindingSuccess } from "../stun/binding.ts";
import { verifyFingerprint } from "../stun/integrity.ts";
import { decodeMessage, type StunMessage } from "../stun/message.ts";
import { ATTRIBUTE, isComprehensionRequired, METHOD } from "../stun/registry.ts";
import type { Allocation } from "./allocation.ts";
import { AllocationTable } from "./allocation-table.ts";
import { type Answer, type AuthenticatedRequest, failure } from "./answer.ts";
import { AnswerLimiter } from "./answer-limiter.ts";
import { allocationOf, authenticate } from "./authenticate.ts";
import { Bandwidth } from "./bandwidth.ts";
import { Challenge } from "./challenge.ts";
import { startsChannelData } from "./channel-data.ts";
import { ClaimLedger } from "./claim-ledger.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { handleAllocate } from "./handlers/allocate.ts";
import { handleChannelBind } from "./handlers/channel-bind.ts";
import { handleCreatePermission } from "./handlers/create-permission.ts";
import { handleRefresh } from "./handlers/refresh.ts";
import { receiveChannelData, receiveSendIndication } from "./handlers/relay-data.ts";
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
import { type RoomMember, RoomTargets, type SignalledIce } from "./room-targets.ts";
import { reviewRoom } from "./unproven-target.ts";

/** The comprehension-required attributes that this server knows; others below 0x8000 are answered with 420. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ATTRIBUTE.username,
  ATTRIBUTE.messageIntegrity,
  ATTRIBUTE.realm,
  ATTRIBUTE.nonce,
  ATTRIBUTE.messageIntegritySha256,
  ATTRIBUTE.passwordAlgorithm,
  ATTRIBUTE.userhash,
  ATTRIBUTE.channelNumber,
  ATTRIBUTE.lifetime,
  ATTRIBUTE.xorPeerAddress,
  ATTRIBUTE.data,
  ATTRIBUTE.requestedAddressFamily,
  ATTRIBUTE.evenPort,
  ATTRIBUTE.requestedTransport,
  ATTRIBUTE.dontFragment,
  ATTRIBUTE.reservationToken,
  // Of answers. RFC 8489 section 6.3: "Known-but-unexpected attributes SHOULD be ignored by the agent."
  ATTRIBUTE.mappedAddress,
  ATTRIBUTE.xorMappedAddress,
  ATTRIBUTE.xorRelayedAddress,
  ATTRIBUTE.errorCode,
  ATTRIBUTE.unknownAttributes,
]);

export type TurnServerOptions = Pick<
  RelayState,
  "allocator" | "targets" | "clock" | "limits" | "isExempt"
> & {
  readonly realm: string;
  readonly credentials: CredentialVerifier;
  /** Where a room's credentials relay to. Default "room": to its members. "public": wherever `targets` lets everybody. */
  readonly relayTo?: "room" | "public";
  readonly events: TurnEvents;
};

export class TurnServer {
  readonly #state: RelayState;
  readonly #credentials: CredentialVerifier;
  readonly #challenge: Challenge;
  readonly #limiter: AnswerLimiter;

  constructor(options: TurnServerOptions) {
    const { realm, allocator, targets, clock, limits, isExempt, relayTo = "room" } = options;
    const ledger = new ClaimLedger();
    this.#state = {
      allocator,
      targets,
      rooms: relayTo === "room" ? new RoomTargets(targets, ledger) : undefined,
      ledger,
      clock,
      limits,
      isExempt,
      closed: false,
      table: new AllocationTable(),
      reservations: new Reservations(),
      bandwidth: new Bandwidth(limits),
      counters: createTurnCounters(),
      announce: createAnnounce(options.events),
    };
    this.#credentials = options.credentials;
    this.#challenge = new Challenge(realm, clock);
    const { unauthenticatedBurst: burst, unauthenticatedPerSecond: perSecond } = limits;
    this.#limiter = new AnswerLimiter({ burst, perSecond }, isExempt, clock);
  }

  get allocationCount(): number {
    return this.#state.table.size;
  }

  get reservationCount(): number {
    return this.#state.reservations.size;
  }

  get counters(): Readonly<TurnCounters> {
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
    if (holding.kind === "allocation") closeAllocation(this.#state, holding, "link-closed");
    else abandonOpening(link);
  }

  /** Once a second: forgets what has expired. Expiry itself is checked on use. */
  sweep(): void {
    const nowMs = this.#state.clock();
    for (const allocation of this.#state.table) {
      if (!closeExpired(this.#state, allocation, nowMs)) allocation.forgetExpired(nowMs);
    }
    this.#state.reservations.sweep(nowMs);
    this.#state.bandwidth.sweep(nowMs);
    this.#state.ledger.sweep(nowMs);
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

  /** When, by the clock, a packet was last relayed for this user; undefined for one without an allocation. */
  lastRelayedAtMs(userId: string): number | undefined {
    let latest: number | undefined;
    for (const { lastRelayedAtMs } of this.#state.table.ofUser(userId)) {
      if (latest === undefined || lastRelayedAtMs > latest) latest = lastRelayedAtMs;
    }
    return latest;
  }

  /** Ends every allocation and answers nothing any more. Idempotent. */
  close(): void {
    this.#state.closed = true;
    for (const allocation of this.#state.table) closeAllocation(this.#state, allocation, "shutdown");
    this.#state.reservations.sweep(Number.POSITIVE_INFINITY);
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
    if (method !== METHOD.allocate && !HANDLERS.has(method)) return this.#dropMalformed();
    this.#receiveTurnRequest(link, message);
  }

  #receiveSend(link: ClientLink, message: StunMessage): void {
    if (unknownAttributes(message).length > 0) return this.#dropMalformed();
    receiveSendIndication(this.#state, link, message);
  }

  #receiveBinding(link: ClientLink, message: StunMessage): void {
    const unknown = unknownAttributes(message);
    const answer =
      unknown.length === 0
        ? bindingSuccess(message, link.remote)
        : encodeAnswer(message, failure(420, unknownAttributesAttribute(unknown)), undefined);
    if (this.#sendUnauthenticated(link, message, answer)) {
      this.#state.announce("requestAnswered", METHOD.binding, unknown.length === 0 ? undefined : 420);
    }
  }

  #receiveTurnRequest(link: ClientLink, received: StunMessage): void {
    const nowMs = this.#state.clock();
    const allocation = this.#liveAllocationOf(link, nowMs);
    // An Allocate is answered when its socket is open, and the bytes are ours only until we return.
    const message = { ...received, transactionId: received.transactionId.slice() };
    const authentication = authenticate(link, message, this.#challenge, this.#credentials, allocation);
    if (!authentication.ok) return this.#refuseUnauthenticated(link, message, authentication.code);
    if (link.connection !== undefined) link.connection.unauthenticatedAnswers = 0;
    const { username, user, key, algorithm, integrity } = authentication;
    if (user.room !== undefined) this.#state.rooms?.clientSeen(user.room, link.remote);
    const request: AuthenticatedRequest = { link, message, username, user, key, algorithm, nowMs };
    this.#dispatch(request, allocation, (answer) => {
      link.send(encodeAnswer(message, answer, { integrity, key }));
      const errorCode = answer.kind === "error" ? answer.code : undefined;
      this.#state.announce("requestAnswered", message.method, errorCode);
    });
  }

  /** An allocation whose lifetime is over ends here, before its key can vouch for anybody. */
  #liveAllocationOf(link: ClientLink, nowMs: number): Allocation | undefined {
    const allocation = allocationOf(link);
    if (allocation === undefined || closeExpired(this.#state, allocation, nowMs)) return undefined;
    return allocation;
  }

  #dispatch(
    request: AuthenticatedRequest,
    allocation: Allocation | undefined,
    answer: (answer: Answer) => void,
  ): void {
    const { message } = request;
    // RFC 8489 section 6.3.1: unknown comprehension-required attributes are named in a 420.
    const unknown = unknownAttributes(message);
    if (unknown.length > 0) return answer(failure(420, unknownAttributesAttribute(unknown)));

    const handle = HANDLERS.get(message.method);
    if (handle === undefined) return handleAllocate(this.#state, request, answer);
    // RFC 8656 section 5: every request but Allocate needs an allocation, else 437, and carries the username that made it, else 441.
    if (allocation === undefined) return answer(failure(437));
    if (allocation.username !== request.username) return answer(failure(441));
    answer(handle(this.#state, request, allocation));
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
  #sendUnauthenticated(link: ClientLink, request: StunMessage, answer: Uint8Array): boolean {
    const refusal = this.#limiter.refuse(link, request.bytes.length, answer.length);
    if (refusal !== undefined) {
      this.#state.counters.drops[refusal]++;
      return false;
    }
    this.#state.counters.unauthenticatedAnswers++;
    link.send(answer);
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

/** What may be asked of an allocation. */
const HANDLERS = new Map<number, typeof handleRefresh>([
  [METHOD.refresh, handleRefresh],
  [METHOD.createPermission, handleCreatePermission],
  [METHOD.channelBind, handleChannelBind],
]);

function unknownAttributes(message: StunMessage): number[] {
  const unknown = new Set<number>();
  for (const { type } of message.attributes) {
    if (isComprehensionRequired(type) && !UNDERSTOOD.has(type)) unknown.add(type);
  }
  return [...unknown];
}
