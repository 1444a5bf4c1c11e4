/** Relayed data as a client has it on its wire: ChannelData, or Send and Data indications. */

import type { TransportAddress } from "../../src/stun/address.ts";
import { xorAddressAttribute } from "../../src/stun/attributes.ts";
import { encodeMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE, HEADER_BYTES, METHOD } from "../../src/stun/registry.ts";
import { CHANNEL } from "./turn-client.ts";

const CHANNEL_HEADER_BYTES = 4;
const DATA_INDICATION = 0x0017;

/** Bytes to be sent, and where in them the payload stands. */
export interface Frame {
  readonly bytes: Buffer;
  readonly payloadAt: number;
}

export function plainFrame(size: number): Frame {
  return { bytes: Buffer.alloc(size), payloadAt: 0 };
}

export function channelDataFrame(size: number): Frame {
  const bytes = Buffer.alloc(CHANNEL_HEADER_BYTES + size);
  bytes.writeUInt16BE(CHANNEL, 0);
  bytes.writeUInt16BE(size, 2);
  return { bytes, payloadAt: CHANNEL_HEADER_BYTES };
}

export function sendIndicationFrame(peer: TransportAddress, size: number): Frame {
  const transactionId = new Uint8Array(12);
  const head = { method: METHOD.send, messageClass: "indication", transactionId } as const;
  const data = { type: ATTRIBUTE.data, value: new Uint8Array(size) };
  const bytes = Buffer.from(
    encodeMessage(head, [xorAddressAttribute(ATTRIBUTE.xorPeerAddress, peer, transactionId), data]),
  );
  return { bytes, payloadAt: bytes.length - ((size + 3) & ~3) };
}

/** Where the payload begins in what a client received: `size` bytes on its channel or in a Data indication; -1: it is neither. */
export function payloadOf(bytes: Buffer, start: number, end: number, size: number): number {
  if (end - start < CHANNEL_HEADER_BYTES) return -1;
  const type = bytes.readUInt16BE(start);
  if (type === CHANNEL) {
    const at = start + CHANNEL_HEADER_BYTES;
    const length = end - at;
    // Padding is allowed (RFC 8656 section 12.5).
    const isWhole = length === size || length === ((size + 3) & ~3);
    return isWhole && bytes.readUInt16BE(start + 2) === size ? at : -1;
  }
  return type === DATA_INDICATION ? dataAttribute(bytes, start, end, size) : -1;
}

function dataAttribute(bytes: Buffer, start: number, end: number, size: number): number {
  for (let at = start + HEADER_BYTES; at + 4 <= end; ) {
    const length = bytes.readUInt16BE(at + 2);
    if (bytes.readUInt16BE(at) === ATTRIBUTE.data)
      return length === size && at + 4 + size <= end ? at + 4 : -1;
    at += 4 + ((length + 3) & ~3);
  }
  return -1;
}
