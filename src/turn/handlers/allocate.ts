/** Allocate (RFC 8656 section 7.2). The comments follow the section's numbered steps. */

import type { IpFamily } from "../../stun/address.ts";
import {
  readAddressFamily,
  readEvenPort,
  readRequestedTransport,
  readUint32,
  uint32Attribute,
  unknownAttributesAttribute,
  xorAddressAttribute,
} from "../../stun/attributes.ts";
import { findAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE, PROTOCOL_UDP } from "../../stun/registry.ts";
import { Allocation } from "../allocation.ts";
import type { Opening } from "../allocation-table.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import type { LinkHolding, RelayPortParity, RelaySocket, RelaySocketResult, TurnUser } from "../ports.ts";
import { closeAllocation, type RelayState, type TurnLimits } from "../relay-state.ts";
import { receiveFromRelayTarget } from "./relay-data.ts";

/** RFC 8656 section 3.2: the default lifetime. */
const DEFAULT_LIFETIME_SECONDS = 600;
/** RFC 8656 section 7.2 recommends a maximum of one hour. */
const MAX_LIFETIME_SECONDS = 3600;
/** Over its quota a user loses the allocation that has been idle for this long, if there is one. */
const IDLE_REPLACEABLE_MS = 30_000;

/** Calls `answer` once, now or when the relay socket is open; never when the 5-tuple is waiting for its first answer. */
export function handleAllocate(
  state: RelayState,
  request: AuthenticatedRequest,
  answer: (answer: Answer) => void,
): void {
  const { link, message } = request;

  // 2. A 5-tuple that is in use: 437, but a retransmission of the Allocate that made the allocation gets its success again.
  const { holding } = link;
  if (holding !== undefined) {
    const isRetransmission =
      sameBytes(holding.transactionId, message.transactionId) && holding.username === request.username;
    if (!isRetransmission) return answer(failure(437));
    if (holding.kind === "allocation") answer(allocateSuccess(holding, request, request.nowMs));
    return;
  }

  const wanted = readWanted(message);
  if (wanted.kind === "error") return answer(wanted);

  if (wanted.reservationToken !== undefined) {
    // The port has counted against the quota since it was reserved.
    if (isOverQuota(state, request, 0)) return answer(failure(486));
    const socket = state.reservations.take(wanted.reservationToken, request.user.userId, request.nowMs);
    // 5. A token that is not valid, for whatever reason: 508.
    if (socket === undefined) return answer(failure(508));
    link.retain();
    return answer(install(state, request, wanted.lifetimeSeconds, socket));
  }

  // 7. The family: IPv4 unless asked for; one that the relay has no address of: 440.
  if (!state.allocator.supports(wanted.family)) return answer(failure(440));

  // 8. and 10. Capacity (508) and quota (486).
  const ports = wanted.parity === "even-with-next" ? 2 : 1;
  const { table } = state;
  if (table.size + table.openingCount + state.reservations.size + ports > state.limits.maxAllocations)
    return answer(failure(508));
  if (isOverQuota(state, request, ports)) return answer(failure(486));
  openRelaySocket(state, request, wanted, answer);
}

function openRelaySocket(
  state: RelayState,
  request: AuthenticatedRequest,
  wanted: Wanted,
  answer: (answer: Answer) => void,
): void {
  const { table } = state;
  const { link, message, username, user } = request;
  const pending: LinkHolding = { kind: "pending", username, transactionId: message.transactionId };
  link.holding = pending;
  link.retain();
  const opening: Opening = { user, link, pending };
  table.beginOpening(opening);
  function socketOpened(result: RelaySocketResult): void {
    table.endOpening(opening);
    if (state.closed || link.holding !== pending) return giveBack(result);
    link.holding = undefined;
    if (result.ok) return answer(install(state, request, wanted.lifetimeSeconds, result.socket, result.next));
    link.release();
    answer(failure(result.reason === "family-unsupported" ? 440 : 508));
  }
  // Called from outside of `receive`: a defect here must end nothing else.
  state.allocator.open({ family: wanted.family, parity: wanted.parity }, (result) => {
    try {
      socketOpened(result);
    } catch (error) {
      state.announce("failed", error);
    }
  });
}

/** The client, its member or the relay went away while the socket was being opened. */
function giveBack(result: RelaySocketResult): void {
  if (!result.ok) return;
  result.socket.close();
  result.next?.close();
}

interface Wanted {
  readonly kind: "wanted";
  readonly family: IpFamily;
  readonly parity: RelayPortParity;
  readonly lifetimeSeconds: number;
  readonly reservationToken: Uint8Array | undefined;
}

function readWanted(message: StunMessage): Wanted | Extract<Answer, { kind: "error" }> {
  const refuse = (code: 400 | 440 | 442) => failure(code) as Extract<Answer, { kind: "error" }>;
  // 3. REQUESTED-TRANSPORT missing or malformed: 400; anything but UDP: 442.
  const transportValue = findAttribute(message, ATTRIBUTE.requestedTransport);
  const transport = transportValue && readRequestedTransport(transportValue);
  if (transport === undefined) return refuse(400);
  if (transport !== PROTOCOL_UDP) return refuse(442);

  // 4. DONT-FRAGMENT where the engine cannot do it: 420, as for an attribute that is not known.
  if (findAttribute(message, ATTRIBUTE.dontFragment) !== undefined) {
    return {
      kind: "error",
      code: 420,
      attributes: [unknownAttributesAttribute([ATTRIBUTE.dontFragment])],
    };
  }

  // 5. RESERVATION-TOKEN together with EVEN-PORT or an address family: 400.
  const reservationToken = findAttribute(message, ATTRIBUTE.reservationToken);
  const familyValue = findAttribute(message, ATTRIBUTE.requestedAddressFamily);
  const evenPortValue = findAttribute(message, ATTRIBUTE.evenPort);
  if (reservationToken !== undefined) {
    if (familyValue !== undefined || evenPortValue !== undefined || reservationToken.length !== 8)
      return refuse(400);
  }

  // 7. A family that nobody knows: 440.
  const family = familyValue === undefined ? 4 : readAddressFamily(familyValue);
  if (family === undefined) return refuse(400);
  if (family === "unknown") return refuse(440);

  // 8. EVEN-PORT, with the R bit for the next port too.
  const evenPort = evenPortValue === undefined ? undefined : readEvenPort(evenPortValue);
  if (evenPortValue !== undefined && evenPort === undefined) return refuse(400);
  const parity = evenPort === undefined ? "any" : evenPort.reserveNext ? "even-with-next" : "even";

  const lifetimeSeconds = readLifetime(message);
  if (lifetimeSeconds === undefined) return refuse(400);
  return {
    kind: "wanted",
    family,
    parity,
    lifetimeSeconds: lifetimeSeconds === 0 ? DEFAULT_LIFETIME_SECONDS : lifetimeSeconds,
    reservationToken,
  };
}

/**
 * LIFETIME in seconds, at most the maximum (RFC 8656 section 7.2): the default without the attribute or below the default, and 0 where
 * the client asks for 0. Undefined for a malformed one.
 */
export function readLifetime(message: StunMessage): number | undefined {
  const value = findAttribute(message, ATTRIBUTE.lifetime);
  if (value === undefined) return DEFAULT_LIFETIME_SECONDS;
  const seconds = readUint32(value);
  if (seconds === undefined || seconds === 0) return seconds;
  return Math.min(Math.max(seconds, DEFAULT_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS);
}

/** A member is one person in one room; behind a user outside of rooms there may be all the clients of an application. */
function quotaOf(limits: TurnLimits, { room }: TurnUser): number {
  return room === undefined ? limits.maxAllocationsPerUser : limits.maxAllocationsPerMember;
}

/** Makes room by replacing idle allocations of the user; true, and none is touched, where that is not enough. */
function isOverQuota(state: RelayState, request: AuthenticatedRequest, ports: number): boolean {
  const { limits, table } = state;
  const { userId } = request.user;
  const { remote } = request.link;
  if (!state.isExempt(remote) && table.countOfClientIp(remote) >= limits.maxAllocationsPerAddress)
    return true;
  const held =
    table.ofUser(userId).size + table.openingCountOf(userId) + state.reservations.countOfUser(userId);
  const excess = held + ports - quotaOf(limits, request.user);
  if (excess <= 0) return false;
  const idle = [...table.ofUser(userId)].filter(
    ({ lastRelayedAtMs }) => lastRelayedAtMs + IDLE_REPLACEABLE_MS <= request.nowMs,
  );
  if (idle.length < excess) return true;
  for (const allocation of idle.slice(0, excess)) closeAllocation(state, allocation, "replaced");
  return false;
}

function install(
  state: RelayState,
  request: AuthenticatedRequest,
  lifetimeSeconds: number,
  relay: RelaySocket,
  next?: RelaySocket,
): Answer {
  const { link, user, username, key, algorithm } = request;
  const nowMs = state.clock();
  const allocation = new Allocation({
    link,
    relay,
    user,
    username,
    key,
    algorithm,
    transactionId: request.message.transactionId,
    expiresAtMs: nowMs + lifetimeSeconds * 1000,
    nowMs,
    reservationToken: next && state.reservations.hold(next, user, nowMs),
  });
  link.holding = allocation;
  state.table.add(allocation);
  relay.onPacket((source, buffer, start, end) => {
    try {
      receiveFromRelayTarget(state, allocation, source, buffer, start, end);
    } catch (error) {
      state.announce("failed", error);
    }
  });
  state.announce("allocationCreated", allocation.summary());
  return allocateSuccess(allocation, request, nowMs);
}

/** The success response: XOR-RELAYED-ADDRESS, LIFETIME, RESERVATION-TOKEN where a port is held, XOR-MAPPED-ADDRESS. */
function allocateSuccess(allocation: Allocation, request: AuthenticatedRequest, nowMs: number): Answer {
  const { transactionId } = request.message;
  const remainingSeconds = Math.max(0, Math.ceil((allocation.expiresAtMs - nowMs) / 1000));
  const attributes = [
    xorAddressAttribute(ATTRIBUTE.xorRelayedAddress, allocation.relay.relayedAddress, transactionId),
    xorAddressAttribute(ATTRIBUTE.xorMappedAddress, allocation.link.remote, transactionId),
    uint32Attribute(ATTRIBUTE.lifetime, remainingSeconds),
  ];
  if (allocation.reservationToken !== undefined) {
    attributes.push({ type: ATTRIBUTE.reservationToken, value: allocation.reservationToken });
  }
  return success(...attributes);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
