/** Data indications (RFC 8656 section 11.3): until a channel is bound, every packet to a client is one. */

import { randomBytes } from "node:crypto";
import type { TransportAddress } from "../stun/address.ts";
import { icmpAttribute, xorAddressAttribute } from "../stun/attributes.ts";
import { encodeMessage, type StunAttribute } from "../stun/message.ts";
import { ATTRIBUTE, METHOD, TRANSACTION_ID_BYTES } from "../stun/registry.ts";

/** Eight random bytes and a count: unique without asking for randomness per packet. */
const transactionId = randomBytes(TRANSACTION_ID_BYTES);
let count = 0;

/** A Data indication that carries buffer[start, end) as received from `source`. */
export function encodeDataIndication(
  source: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
): Uint8Array {
  return encodeIndication(source, { type: ATTRIBUTE.data, value: buffer.subarray(start, end) });
}

/** One that says what became of a packet to `target` (section 11.5); without DATA. */
export function encodeIcmpIndication(
  target: TransportAddress,
  icmpType: number,
  icmpCode: number,
  errorData: number,
): Uint8Array {
  return encodeIndication(target, icmpAttribute(icmpType, icmpCode, errorData));
}

function encodeIndication(peer: TransportAddress, attribute: StunAttribute): Uint8Array {
  count = (count + 1) >>> 0;
  transactionId.writeUInt32BE(count, TRANSACTION_ID_BYTES - 4);
  return encodeMessage({ method: METHOD.data, messageClass: "indication", transactionId }, [
    xorAddressAttribute(ATTRIBUTE.xorPeerAddress, peer, transactionId),
    attribute,
  ]);
}
