/** Allocate (RFC 8656 section 7.2). The comments follow the section's numbered steps. */

import type { IpFamily } from "../../stun/address.ts";
import { addressErrorCodeAttribute, uint32Attribute, xorAddressAttribute } from "../../stun/attributes.ts";
import type { StunAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import { type AddressError, Allocation } from "../allocation.ts";
import type { Opening } from "../allocation-table.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import type { LinkHolding, RelayAllocator, RelaySocket, RelaySocketResult } from "../ports.ts";
import { isOverQuota } from "../quota.ts";
import type { RelayState } from "../relay-state.ts";
import { readWanted, type Wanted } from "./allocate-request.ts";
import { receiveConnection } from "./connection-attempt.ts";
import { receiveIcmp } from "./icmp.ts";
import { receiveFromRelayTarget } from "./relay-data.ts";

/** Calls `answer` once, now or when the relay sockets are open; never when the 5-tuple is waiting for its first answer. */
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

  // 8. What drains has no capacity for new clients (508: they try another server); a member's call is not new.
  if (state.draining && request.user.room === undefined) return answer(failure(508));

  // A room's members get none over TCP: what the closed relay asks of a target it asks of packets.
  const mayRelayTcp = state.tcp !== undefined && request.user.room === undefined;
  const { supportsDontFragment } = state.allocator;
  const mayMove = state.mobility !== undefined;
  const wanted = readWanted(message, {
    transport: link.transport,
    mayRelayTcp,
    mayMove,
    supportsDontFragment,
  });
  if (wanted.kind === "error") return answer(wanted);

  if (wanted.reservationToken !== undefined) {
    // The port has counted against the user's quota since it was reserved.
    if (isOverQuota(state, request, { ofUser: 0, ofClientIp: 1 })) return answer(failure(486));
    const socket = state.reservations.take(wanted.reservationToken, request.user.userId, request.nowMs);
    // 5. A token that is not valid, for whatever reason: 508.
    if (socket === undefined) return answer(failure(508));
    link.retain();
    return answer(install(state, request, wanted, { sockets: [socket] }));
  }

  // 7. and 9. Families that the relay has no address of: 440, which of two is the ADDRESS-ERROR-CODE.
  const { families } = wanted;
  const allocator = (wanted.protocol === "tcp" && state.tcp) || state.allocator;
  const had = families.filter((family) => allocator.supports(family));
  if (had.length === 0) return answer(failure(440));
  const errors = families.filter((family) => !had.includes(family)).map(refusedWith(440));

  // 8. and 9. Capacity (508); where it is left for one of two, IPv4 has it.
  const spare = spareCapacity(state);
  const next = wanted.parity === "even-with-next" ? 1 : 0;
  if (spare < 1 + next) return answer(failure(508));
  errors.push(...had.splice(spare).map(refusedWith(508)));

  // 10. Quota (486).
  if (isOverQuota(state, request, { ofUser: had.length + next, ofClientIp: had.length }))
    return answer(failure(486));
  openRelaySockets(state, allocator, request, wanted, had, errors, answer);
}

function spareCapacity({ table, reservations, limits }: RelayState): number {
  return limits.maxAllocations - table.relayCount - table.openingCount - reservations.size;
}

function refusedWith(code: AddressError["code"]): (family: IpFamily) => AddressError {
  return (family) => ({ family, code });
}

function openRelaySockets(
  state: RelayState,
  allocator: RelayAllocator,
  request: AuthenticatedRequest,
  wanted: Wanted,
  families: readonly IpFamily[],
  refused: readonly AddressError[],
  answer: (answer: Answer) => void,
): void {
  const { table } = state;
  const { link, message, username, user } = request;
  const pending: LinkHolding = { kind: "pending", username, transactionId: message.transactionId };
  link.holding = pending;
  link.retain();
  const ports = families.length + (wanted.parity === "even-with-next" ? 1 : 0);
  const opening: Opening = { user, link, pending, relays: families.length, ports };
  table.beginOpening(opening);
  const results = new Map<IpFamily, RelaySocketResult>();
  function allOpened(): void {
    table.endOpening(opening);
    if (state.closed || link.holding !== pending) return giveBack(results.values());
    link.holding = undefined;
    const outcome = outcomeOf(families, results, refused);
    if (outcome.sockets.length > 0) return answer(install(state, request, wanted, outcome));
    link.release();
    answer(failure(outcome.errors.every(({ code }) => code === 440) ? 440 : 508));
  }
  for (const family of families) {
    // Called from outside of `receive`: a defect here must end nothing else.
    allocator.open({ family, parity: wanted.parity }, (result) => {
      try {
        results.set(family, result);
        if (results.size === families.length) allOpened();
      } catch (error) {
        state.announce("failed", error);
      }
    });
  }
}

interface Outcome {
  readonly sockets: readonly RelaySocket[];
  readonly next?: RelaySocket | undefined;
  readonly errors?: readonly AddressError[];
}

/** The sockets in the order of the families, IPv4 first: a client that reads one address only reads that one. */
function outcomeOf(
  families: readonly IpFamily[],
  results: ReadonlyMap<IpFamily, RelaySocketResult>,
  refused: readonly AddressError[],
): Required<Outcome> {
  const sockets: RelaySocket[] = [];
  const errors = [...refused];
  let next: RelaySocket | undefined;
  for (const family of families) {
    const result = results.get(family);
    if (result?.ok === true) {
      sockets.push(result.socket);
      next = result.next;
    } else {
      errors.push({ family, code: result?.reason === "family-unsupported" ? 440 : 508 });
    }
  }
  return { sockets, next, errors };
}

/** The client, its member or the relay went away while the sockets were being opened. */
function giveBack(results: Iterable<RelaySocketResult>): void {
  for (const result of results) {
    if (!result.ok) continue;
    result.socket.close();
    result.next?.close();
  }
}

function install(
  state: RelayState,
  request: AuthenticatedRequest,
  { protocol, lifetimeSeconds, isMobile }: Wanted,
  { sockets, next, errors = [] }: Outcome,
): Answer {
  const { link, user, username, key, algorithm } = request;
  const nowMs = state.clock();
  const allocation = new Allocation({
    link,
    protocol,
    sockets,
    user,
    username,
    key,
    algorithm,
    transactionId: request.message.transactionId,
    expiresAtMs: nowMs + lifetimeSeconds * 1000,
    nowMs,
    reservationToken: next && state.reservations.hold(next, user, nowMs),
    addressErrors: errors,
    buckets: state.bandwidth.bucketsFor(user, state.isExempt(link.remote)),
  });
  link.holding = allocation;
  state.table.add(allocation);
  if (isMobile) state.mobility?.issue(allocation);
  const { tcp } = state;
  if (protocol === "tcp")
    tcp?.install(allocation, (...connection) => receiveConnection(state, tcp, ...connection));
  for (const socket of sockets) {
    socket.onPacket((source, buffer, start, end) => {
      try {
        receiveFromRelayTarget(state, allocation, source, buffer, start, end);
      } catch (error) {
        state.announce("failed", error);
      }
    });
    socket.onIcmp?.((error) => receiveIcmp(state, allocation, error));
  }
  state.announce("allocationCreated", allocation.summary());
  return allocateSuccess(allocation, request, nowMs);
}

/**
 * The success response: one XOR-RELAYED-ADDRESS or two, XOR-MAPPED-ADDRESS, LIFETIME, RESERVATION-TOKEN where a port is held,
 * ADDRESS-ERROR-CODE where one address of two could not be had, MOBILITY-TICKET where one was asked for.
 */
function allocateSuccess(allocation: Allocation, request: AuthenticatedRequest, nowMs: number): Answer {
  const { transactionId } = request.message;
  // Whole milliseconds: a clock of fractions makes 1200.0000000002 s of 1200 s, which is not 1201.
  const remainingSeconds = Math.max(0, Math.ceil(Math.round(allocation.expiresAtMs - nowMs) / 1000));
  const attributes: StunAttribute[] = allocation.relays.map(({ socket }) =>
    xorAddressAttribute(ATTRIBUTE.xorRelayedAddress, socket.relayedAddress, transactionId),
  );
  attributes.push(
    xorAddressAttribute(ATTRIBUTE.xorMappedAddress, request.link.remote, transactionId),
    uint32Attribute(ATTRIBUTE.lifetime, remainingSeconds),
  );
  if (allocation.reservationToken !== undefined) {
    attributes.push({ type: ATTRIBUTE.reservationToken, value: allocation.reservationToken });
  }
  for (const { family, code } of allocation.addressErrors) {
    attributes.push(addressErrorCodeAttribute(family, code));
  }
  if (allocation.mobility !== undefined) {
    attributes.push({ type: ATTRIBUTE.mobilityTicket, value: allocation.mobility.ticket });
  }
  return success(...attributes);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
