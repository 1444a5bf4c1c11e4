/** ChannelBind (RFC 8656 section 12.2). */

import { sameIp, sameTransportAddress, withPort } from "../../stun/address.ts";
import { readChannelNumber, readXorAddress } from "../../stun/attributes.ts";
import { findAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import { type Allocation, CHANNEL_LIFETIME_MS } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import { isChannelNumber } from "../channel-data.ts";
import type { RelayState } from "../relay-state.ts";
import { judgeTarget } from "./create-permission.ts";

export function handleChannelBind(
  state: RelayState,
  request: AuthenticatedRequest,
  allocation: Allocation,
): Answer {
  const { message, nowMs } = request;
  allocation.forgetExpired(nowMs);

  // A TCP allocation carries no packets; RFC 6062 names no code, coturn has this one.
  if (allocation.protocol === "tcp") return failure(403);

  // Both CHANNEL-NUMBER and XOR-PEER-ADDRESS, and a number in range: else 400.
  const numberValue = findAttribute(message, ATTRIBUTE.channelNumber);
  const addressValue = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const number = numberValue && readChannelNumber(numberValue);
  const address = addressValue && readXorAddress(addressValue, message.transactionId);
  if (number === undefined || address === undefined || !isChannelNumber(number)) return failure(400);

  // The number is not bound to another transport address, the address not to another number: else 400. The same pair is a refresh.
  const known = allocation.channelByNumber(number, nowMs);
  if (known !== undefined && !sameTransportAddress(known.destination.address, address)) return failure(400);
  const bound = allocation.channelTo(address, nowMs);
  if (bound !== undefined && bound.number !== number) return failure(400);

  const judged = judgeTarget(state, allocation, address);
  if (typeof judged === "number") return failure(judged);

  // No room for it: 508.
  const { limits } = state;
  const isNewTarget = !allocation.permissions.some((permission) => sameIp(permission.ip, address));
  if (isNewTarget && allocation.permissions.length >= limits.maxPermissionsPerAllocation) return failure(508);
  if (known === undefined && allocation.channels.length >= limits.maxChannelsPerAllocation)
    return failure(508);

  // ChannelBind installs or refreshes the permission too.
  const permission = allocation.permit(judged, nowMs);
  const expiresAtMs = nowMs + CHANNEL_LIFETIME_MS;
  if (known !== undefined) {
    known.permission = permission;
    known.expiresAtMs = expiresAtMs;
  } else {
    const destination = judged.relay.socket.destination(withPort(address, address.port));
    allocation.channels.push({ number, destination, permission, expiresAtMs });
  }
  return success();
}
