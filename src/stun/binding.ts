/** The Binding method without authentication (RFC 8489 section 6.3 and RFC 8445's STUN usage of a server). */

import type { TransportAddress } from "./address.ts";
import { xorAddressAttribute } from "./attributes.ts";
import { encodeMessage, type StunMessage } from "./message.ts";
import { ATTRIBUTE } from "./registry.ts";

/**
 * The answer to a Binding request: XOR-MAPPED-ADDRESS and nothing else, FINGERPRINT where the request had one. No SOFTWARE,
 * so that the answer is at most 1.4 times the request (IP and UDP headers counted): a responder is a reflector.
 */
export function bindingSuccess(request: StunMessage, source: TransportAddress): Uint8Array {
  return encodeMessage(
    { method: request.method, messageClass: "success", transactionId: request.transactionId },
    [xorAddressAttribute(ATTRIBUTE.xorMappedAddress, source, request.transactionId)],
    { fingerprint: request.fingerprintOffset >= 0 },
  );
}
