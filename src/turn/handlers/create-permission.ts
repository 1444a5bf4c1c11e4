/** CreatePermission (RFC 8656 section 10.2). All or nothing: a refused address leaves every permission as it was. */

import { type IpAddress, sameIp, type TransportAddress } from "../../stun/address.ts";
import { readXorAddress } from "../../stun/attributes.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation, PermittedTarget } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import type { RefusalReason } from "../ports.ts";
import type { RelayState } from "../relay-state.ts";
import { standingOf } from "../room-policy.ts";

export function handleCreatePermission(
  state: RelayState,
  request: AuthenticatedRequest,
  allocation: Allocation,
): Answer {
  const { message, nowMs } = request;
  allocation.forgetExpired(nowMs);

  // At least one XOR-PEER-ADDRESS, and all of them well-formed: else 400.
  const addresses: TransportAddress[] = [];
  for (const { type, value } of message.attributes) {
    if (type !== ATTRIBUTE.xorPeerAddress) continue;
    const address = readXorAddress(value, message.transactionId);
    if (address === undefined) return failure(400);
    addresses.push(address);
  }
  if (addresses.length === 0) return failure(400);

  // All of families that there is a relayed address of (443), and all of them allowed (403).
  if (addresses.some(({ family }) => allocation.relayOf(family) === undefined)) return failure(443);
  const targets: PermittedTarget[] = [];
  for (const address of addresses) {
    const judged = judgeTarget(state, allocation, address);
    if (typeof judged === "number") return failure(judged);
    targets.push(judged);
  }

  // Over the bound: 403 and not 508, because Firefox gives up its whole TURN client on any error here but 403.
  const isKnown = (ip: IpAddress) => allocation.permissions.some((known) => sameIp(known.ip, ip));
  const added = targets.filter(
    ({ address }, i) => !isKnown(address) && targets.findIndex((t) => sameIp(t.address, address)) === i,
  );
  if (allocation.permissions.length + added.length > state.limits.maxPermissionsPerAllocation)
    return failure(403);

  for (const target of targets) allocation.permit(target, nowMs);
  return success();
}

/**
 * What policy says of a target: 443 for an address of a family that there is no relayed address of (RFC 8656 section 10.2), 403 where
 * it is forbidden: first by network, which holds for everybody, then for a member of a room by who is in that room. Our own address is
 * a target for what of it is inside.
 */
export function judgeTarget(
  state: RelayState,
  allocation: Allocation,
  target: TransportAddress,
): PermittedTarget | 403 | 443 {
  const relay = allocation.relayOf(target.family);
  if (relay === undefined) return 443;
  const verdict = state.targets.judge(target);
  if (verdict === "denied") return refuse(state, allocation, target, "denied-network");
  const standing = standingOf(state, allocation, target);
  if (standing === "stranger" && verdict === "allowed")
    return refuse(state, allocation, target, "not-in-room");
  return { address: target, relay, verdict, isOpen: standing === "open" };
}

function refuse(state: RelayState, allocation: Allocation, target: IpAddress, reason: RefusalReason): 403 {
  state.announce("targetRefused", allocation.summary(), target, reason);
  return 403;
}
