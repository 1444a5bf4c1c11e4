/**
 * The data path: Send indications and ChannelData from a client, packets from relay targets, and packets between two clients of this
 * relay, which never leave the process (RFC 8656 sections 11 and 12). Nothing here answers; what may not pass is dropped and counted.
 */

import type { TransportAddress } from "../../stun/address.ts";
import { readXorAddress } from "../../stun/attributes.ts";
import { findAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import { type Allocation, isLive, isOpenAt, type Permission } from "../allocation.ts";
import { allocationOf } from "../authenticate.ts";
import { takeBandwidth, takeOwnBandwidth } from "../bandwidth.ts";
import { CHANNEL_DATA_HEADER_BYTES } from "../channel-data.ts";
import { completeMove } from "../client-move.ts";
import { encodeDataIndication } from "../data-indication.ts";
import { letPass } from "../flows.ts";
import { fitsChannelData, fitsDatagram, fitsDataIndication } from "../packet-size.ts";
import type { ClientLink, DropReason, RelayDestination } from "../ports.ts";
import type { RelayState } from "../relay-state.ts";
import { mayMeetInside } from "../room-policy.ts";
import { mayReceiveUnproven, maySendUnproven } from "../unproven-target.ts";

/** ChannelData in buffer[start, end), header included (section 12.6). */
export function receiveChannelData(
  state: RelayState,
  link: ClientLink,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  const dataStart = start + CHANNEL_DATA_HEADER_BYTES;
  if (dataStart > end) return drop(state, "malformed");
  const number = ((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0);
  const dataEnd = dataStart + (((buffer[start + 2] ?? 0) << 8) | (buffer[start + 3] ?? 0));
  // Over UDP padding is allowed, so the datagram may be longer than its data; never shorter.
  if (dataEnd > end) return drop(state, "malformed");
  const nowMs = state.clock();
  const allocation = liveAllocationOf(link, nowMs);
  if (allocation === undefined) return drop(state, "no-allocation");
  if (link === allocation.nextLink) completeMove(state, allocation);
  const channel = allocation.channelByNumber(number, nowMs);
  if (channel === undefined) return drop(state, "no-channel");
  if (!isLive(channel.permission, nowMs)) return drop(state, "no-permission");
  const { destination, permission } = channel;
  sendToTarget(state, allocation, destination, permission, buffer, dataStart, dataEnd, false, nowMs);
}

/** Send indication (section 11.2). */
export function receiveSendIndication(state: RelayState, link: ClientLink, message: StunMessage): void {
  const nowMs = state.clock();
  const allocation = liveAllocationOf(link, nowMs);
  // A TCP allocation carries no packets (RFC 6062); it has no channels either.
  if (allocation?.protocol !== "udp") return drop(state, "no-allocation");
  const addressValue = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const data = findAttribute(message, ATTRIBUTE.data);
  const address = addressValue && readXorAddress(addressValue, message.transactionId);
  // Missing or malformed: silently discarded. DONT-FRAGMENT, where the engine cannot do it, counts as an unknown attribute.
  const dontFragment = findAttribute(message, ATTRIBUTE.dontFragment) !== undefined;
  const isKnown = !dontFragment || state.allocator.supportsDontFragment;
  if (address === undefined || data === undefined || !isKnown) return drop(state, "malformed");
  if (link === allocation.nextLink) completeMove(state, allocation);
  const permission = allocation.permissionFor(address, nowMs);
  if (permission === undefined) return drop(state, "no-permission");
  const destination =
    allocation.channelTo(address, nowMs)?.destination ?? permission.relay.socket.destination(address);
  sendToTarget(state, allocation, destination, permission, data, 0, data.length, dontFragment, nowMs);
}

/** A packet from outside that reached the allocation's relay socket (sections 11.3 and 12.7). */
export function receiveFromRelayTarget(
  state: RelayState,
  allocation: Allocation,
  source: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  const nowMs = state.clock();
  if (allocation.expiresAtMs <= nowMs) return drop(state, "no-allocation");
  const permission = allocation.permissionFor(source, nowMs);
  if (permission === undefined) return drop(state, "no-permission");
  // Our own clients are reached inside the process: whoever sends from our address by a socket is something else on this machine.
  if (permission.verdict === "own") return drop(state, "own-address");
  if (
    !isOpenAt(permission, source.port) &&
    !mayReceiveUnproven(state, allocation, permission, source, buffer, start, end, nowMs)
  )
    return drop(state, "unproven-target");
  permission.lastHeardAtMs = nowMs;
  if (!takeBandwidth(state.counters, allocation, end - start, nowMs)) return;
  deliverToClient(state, allocation, source, buffer, start, end, nowMs);
  if (permission.verdict === "allowed" && isOpenAt(permission, source.port))
    letPass(state, allocation, permission, source, undefined, nowMs);
}

function sendToTarget(
  state: RelayState,
  allocation: Allocation,
  destination: RelayDestination,
  permission: Permission,
  buffer: Uint8Array,
  start: number,
  end: number,
  dontFragment: boolean,
  nowMs: number,
): void {
  const { socket } = permission.relay;
  const { address } = destination;
  // A client over a stream can hand over more than a datagram holds.
  if (!fitsDatagram(end - start, address.family)) return drop(state, "too-large");
  if (permission.verdict !== "allowed") {
    const other = state.table.atRelayedAddress(address);
    if (other !== undefined)
      return sendInside(state, allocation, permission, address, other, buffer, start, end, nowMs);
    if (permission.verdict === "own") return drop(state, "own-address");
  }
  const isOpen = isOpenAt(permission, address.port);
  if (!isOpen && !maySendUnproven(state, allocation, permission, address, buffer, start, end, nowMs))
    return drop(state, "unproven-target");
  if (!takeBandwidth(state.counters, allocation, end - start, nowMs)) return;
  countSent(state, allocation, end - start, nowMs);
  socket.send(destination, buffer, start, end, dontFragment);
  if (isOpen) letPass(state, allocation, permission, address, undefined, nowMs);
}

/** From one client of this relay to another, as if through both relay sockets: same permissions, same counters. */
function sendInside(
  state: RelayState,
  from: Allocation,
  permission: Permission,
  target: TransportAddress,
  to: Allocation,
  buffer: Uint8Array,
  start: number,
  end: number,
  nowMs: number,
): void {
  if (!mayMeetInside(state, from.user, to.user)) return drop(state, "other-room");
  if (!takeBandwidth(state.counters, from, end - start, nowMs)) return;
  countSent(state, from, end - start, nowMs);
  if (to.expiresAtMs <= nowMs) return drop(state, "no-allocation");
  const source = permission.relay.socket.relayedAddress;
  if (to.permissionFor(source, nowMs) === undefined) return drop(state, "no-permission");
  if (!takeOwnBandwidth(state.counters, to, end - start, nowMs)) return;
  state.counters.insidePackets++;
  deliverToClient(state, to, source, buffer, start, end, nowMs);
  letPass(state, from, permission, target, to, nowMs);
}

function deliverToClient(
  state: RelayState,
  allocation: Allocation,
  source: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
  nowMs: number,
): void {
  const { link } = allocation;
  const bytes = end - start;
  const channel = allocation.channelTo(source, nowMs);
  const fits =
    channel === undefined ? fitsDataIndication(link, source.family, bytes) : fitsChannelData(link, bytes);
  if (!fits) return drop(state, "too-large");
  countReceived(state, allocation, bytes, nowMs);
  if (channel === undefined) link.send(encodeDataIndication(source, buffer, start, end));
  else link.sendChannelData(channel.number, buffer, start, end);
}

function countSent(state: RelayState, allocation: Allocation, bytes: number, nowMs: number): void {
  allocation.lastRelayedAtMs = nowMs;
  allocation.sentPackets++;
  allocation.sentBytes += bytes;
  state.counters.sentPackets++;
  state.counters.sentBytes += bytes;
}

function countReceived(state: RelayState, allocation: Allocation, bytes: number, nowMs: number): void {
  allocation.lastRelayedAtMs = nowMs;
  allocation.receivedPackets++;
  allocation.receivedBytes += bytes;
  state.counters.receivedPackets++;
  state.counters.receivedBytes += bytes;
}

function liveAllocationOf(link: ClientLink, nowMs: number): Allocation | undefined {
  const allocation = allocationOf(link);
  return allocation !== undefined && allocation.expiresAtMs > nowMs ? allocation : undefined;
}

function drop(state: RelayState, why: DropReason): void {
  state.counters.drops[why]++;
}
