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

  // "The request contains both a CHANNEL-NUMBER and an XOR-PEER-ADDRESS attribute." "The channel number is in the range [...]"
  const numberValue = findAttribute(message, ATTRIBUTE.channelNumber);
  const addressValue = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const number = numberValue && readChannelNumber(numberValue);
  const address = addressValue && readXorAddress(addressValue, message.transactionId);
  if (number === undefined || address === undefined || !isChannelNumber(number)) return failure(400);

  // "The channel number is not currently bound to a different transport address (same transport address is OK)."
  // "The transport address is not currently bound to a different channel number."
  const known = allocation.channelByNumber(number, nowMs);
  if (known !== undefined && !sameTransportAddress(known.destination.address, address)) return failure(400);
  const bound = allocation.channelTo(address, nowMs);
  if (bound !== undefined && bound.number !== number) return failure(400);

  const verdict = judgeTarget(state, allocation, address);
  if (typeof verdict === "number") return failure(verdict);

  // "If [...] the server is unable to satisfy the request [...] 508"
  const { limits } = state;
  const isNewTarget = !allocation.permissions.some((permission) => sameIp(permission.ip, address));
  if (isNewTarget && allocation.permissions.length >= limits.maxPermissionsPerAllocation) return failure(508);
  if (known === undefined && allocation.channels.length >= limits.maxChannelsPerAllocation)
    return failure(508);

  // "A ChannelBind transaction also creates or refreshes a permission towards the peer"
  const permission = allocation.permit(address, verdict, nowMs);
  const expiresAtMs = nowMs + CHANNEL_LIFETIME_MS;
  if (known !== undefined) {
    known.permission = permission;
    known.expiresAtMs = expiresAtMs;
  } else {
    const destination = allocation.relay.destination(withPort(address, address.port));
    allocation.channels.push({ number, destination, permission, expiresAtMs });
  }
  return success();
}
