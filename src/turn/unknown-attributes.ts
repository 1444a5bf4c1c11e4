/** Which attributes this server knows (RFC 8489 section 14). */

import type { StunMessage } from "../stun/message.ts";
import { ATTRIBUTE, isComprehensionRequired } from "../stun/registry.ts";

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
  ATTRIBUTE.connectionId,
  // Of answers. RFC 8489 section 6.3: "Known-but-unexpected attributes SHOULD be ignored by the agent."
  ATTRIBUTE.mappedAddress,
  ATTRIBUTE.xorMappedAddress,
  ATTRIBUTE.xorRelayedAddress,
  ATTRIBUTE.errorCode,
  ATTRIBUTE.unknownAttributes,
]);

/** Whether a request with this one is refused. */
export function isUnknownAttribute(type: number): boolean {
  return isComprehensionRequired(type) && !UNDERSTOOD.has(type);
}

/** What a 420 names: the comprehension-required ones of a message that are not known, each once. */
export function unknownAttributes(message: StunMessage): number[] {
  const unknown = new Set<number>();
  for (const { type } of message.attributes) {
    if (isUnknownAttribute(type)) unknown.add(type);
  }
  return [...unknown];
}
