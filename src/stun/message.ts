/**
 * STUN messages: bytes to values and back (RFC 8489 section 5). Decoding never throws and copies nothing; attribute values are
 * views of the bytes that came in.
 */

import { appendFingerprint, appendIntegrity, FINGERPRINT_BYTES, integrityBytes } from "./integrity.ts";
import { ATTRIBUTE, HEADER_BYTES, MAGIC_COOKIE, TRANSACTION_ID_BYTES } from "./registry.ts";

export type MessageClass = "request" | "indication" | "success" | "error";

export interface StunAttribute {
  readonly type: number;
  /** Without the padding. */
  readonly value: Uint8Array;
}

export interface StunMessage {
  readonly method: number;
  readonly messageClass: MessageClass;
  /** 12 bytes. */
  readonly transactionId: Uint8Array;
  /** In order of appearance; those that RFC 8489 sections 14.5 and 14.6 have receivers ignore are left out. */
  readonly attributes: readonly StunAttribute[];
  /** The whole message. */
  readonly bytes: Uint8Array;
  /** Where the header of MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT starts in `bytes`; -1: absent. */
  readonly integrityOffset: number;
  readonly integritySha256Offset: number;
  readonly fingerprintOffset: number;
}

export type DecodeFailure =
  | "too-short"
  | "not-stun"
  | "wrong-cookie"
  | "wrong-length"
  | "attribute-overrun"
  | "too-many-attributes";

export type DecodeResult =
  | { readonly ok: true; readonly message: StunMessage }
  | { readonly ok: false; readonly reason: DecodeFailure };

/** More than any real message has; a bound on the work that one datagram can ask for. */
const MAX_ATTRIBUTES = 64;

const CLASSES: readonly MessageClass[] = ["request", "indication", "success", "error"];

/** RFC 8489 section 5: the method's twelve bits and the class's two are interleaved. */
function messageTypeOf(method: number, messageClass: MessageClass): number {
  const c = CLASSES.indexOf(messageClass);
  return (
    ((method & 0xf80) << 2) | ((method & 0x070) << 1) | (method & 0x00f) | ((c & 2) << 7) | ((c & 1) << 4)
  );
}

function methodOf(messageType: number): number {
  return ((messageType >> 2) & 0xf80) | ((messageType >> 1) & 0x070) | (messageType & 0x00f);
}

function classOf(messageType: number): MessageClass {
  return CLASSES[((messageType >> 7) & 2) | ((messageType >> 4) & 1)] as MessageClass;
}

export function decodeMessage(bytes: Uint8Array): DecodeResult {
  if (bytes.length < HEADER_BYTES) return { ok: false, reason: "too-short" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messageType = view.getUint16(0);
  if (messageType > 0x3fff) return { ok: false, reason: "not-stun" };
  if (view.getUint32(4) !== MAGIC_COOKIE) return { ok: false, reason: "wrong-cookie" };
  const length = view.getUint16(2);
  if (length % 4 !== 0 || length !== bytes.length - HEADER_BYTES)
    return { ok: false, reason: "wrong-length" };

  const attributes: StunAttribute[] = [];
  let integrityOffset = -1;
  let integritySha256Offset = -1;
  let fingerprintOffset = -1;
  let count = 0;
  for (let offset = HEADER_BYTES; offset < bytes.length; ) {
    if (++count > MAX_ATTRIBUTES) return { ok: false, reason: "too-many-attributes" };
    const type = view.getUint16(offset);
    const valueLength = view.getUint16(offset + 2);
    const next = offset + 4 + ((valueLength + 3) & ~3);
    if (next > bytes.length) return { ok: false, reason: "attribute-overrun" };
    const value = bytes.subarray(offset + 4, offset + 4 + valueLength);
    if (fingerprintOffset >= 0) {
      // Section 14.7: FINGERPRINT is the last attribute; what follows it is ignored.
    } else if (type === ATTRIBUTE.fingerprint) {
      fingerprintOffset = offset;
    } else if (integritySha256Offset >= 0) {
      // Section 14.6: after MESSAGE-INTEGRITY-SHA256 only FINGERPRINT counts.
    } else if (type === ATTRIBUTE.messageIntegritySha256) {
      integritySha256Offset = offset;
      attributes.push({ type, value });
    } else if (integrityOffset >= 0) {
      // Section 14.5: after MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and FINGERPRINT count.
    } else {
      if (type === ATTRIBUTE.messageIntegrity) integrityOffset = offset;
      attributes.push({ type, value });
    }
    offset = next;
  }
  return {
    ok: true,
    message: {
      method: methodOf(messageType),
      messageClass: classOf(messageType),
      transactionId: bytes.subarray(8, HEADER_BYTES),
      attributes,
      bytes,
      integrityOffset,
      integritySha256Offset,
      fingerprintOffset,
    },
  };
}

/** The value of the first attribute of this type (RFC 8489 section 14: later ones may be ignored). */
export function findAttribute(message: StunMessage, type: number): Uint8Array | undefined {
  for (const attribute of message.attributes) if (attribute.type === type) return attribute.value;
  return undefined;
}

export interface MessageHead {
  readonly method: number;
  readonly messageClass: MessageClass;
  readonly transactionId: Uint8Array;
}

export interface Protection {
  /** The key of MESSAGE-INTEGRITY. */
  readonly integrityKey?: Uint8Array | undefined;
  /** The key of MESSAGE-INTEGRITY-SHA256. */
  readonly integritySha256Key?: Uint8Array | undefined;
  readonly fingerprint?: boolean;
}

/** Encodes a message; MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are appended, in this order, where asked for. */
export function encodeMessage(
  head: MessageHead,
  attributes: readonly StunAttribute[],
  protection: Protection = {},
): Uint8Array {
  const { integrityKey, integritySha256Key, fingerprint = false } = protection;
  let size = HEADER_BYTES + (fingerprint ? FINGERPRINT_BYTES : 0);
  if (integrityKey !== undefined) size += integrityBytes("sha1");
  if (integritySha256Key !== undefined) size += integrityBytes("sha256");
  for (const { value } of attributes) size += 4 + ((value.length + 3) & ~3);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, messageTypeOf(head.method, head.messageClass));
  view.setUint16(2, bytes.length - HEADER_BYTES);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(head.transactionId.subarray(0, TRANSACTION_ID_BYTES), 8);
  let offset = HEADER_BYTES;
  for (const { type, value } of attributes) {
    view.setUint16(offset, type);
    view.setUint16(offset + 2, value.length);
    bytes.set(value, offset + 4);
    offset += 4 + ((value.length + 3) & ~3);
  }
  if (integrityKey !== undefined) {
    appendIntegrity("sha1", bytes, offset, integrityKey);
    offset += integrityBytes("sha1");
  }
  if (integritySha256Key !== undefined) {
    appendIntegrity("sha256", bytes, offset, integritySha256Key);
    offset += integrityBytes("sha256");
  }
  if (fingerprint) appendFingerprint(bytes, offset);
  return bytes;
}
