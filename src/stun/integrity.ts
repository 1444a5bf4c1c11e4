/** MESSAGE-INTEGRITY, FINGERPRINT and the long-term key (RFC 8489 sections 14.5, 14.7 and 9.2.2). */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { ATTRIBUTE, HEADER_BYTES } from "./registry.ts";

const SHA1_BYTES = 20;
/** Header and value of MESSAGE-INTEGRITY. */
export const INTEGRITY_BYTES = 4 + SHA1_BYTES;
/** Header and value of FINGERPRINT. */
export const FINGERPRINT_BYTES = 8;
const FINGERPRINT_XOR = 0x5354554e;

/**
 * The key of the long-term credential mechanism with MD5: MD5(username ":" realm ":" password), 16 bytes.
 * The strings are taken as they are, UTF-8: browsers prepare nothing either.
 */
export function longTermKey(username: string, realm: string, password: string): Uint8Array {
  return createHash("md5").update(`${username}:${realm}:${password}`).digest();
}

/** HMAC-SHA1 over the message up to the attribute at `offset`, with the header's length as if that attribute were the last. */
function integrityOf(bytes: Uint8Array, offset: number, key: Uint8Array): Buffer {
  const head = Buffer.from(bytes.subarray(0, 4));
  head.writeUInt16BE(offset + INTEGRITY_BYTES - HEADER_BYTES, 2);
  return createHmac("sha1", key).update(head).update(bytes.subarray(4, offset)).digest();
}

/**
 * Whether the MESSAGE-INTEGRITY whose header starts at `offset` verifies under the key, in constant time. A value that is
 * not 20 bytes long is false.
 */
export function verifyIntegrity(bytes: Uint8Array, offset: number, key: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (offset + INTEGRITY_BYTES > bytes.length || view.getUint16(offset + 2) !== SHA1_BYTES) return false;
  return timingSafeEqual(
    integrityOf(bytes, offset, key),
    bytes.subarray(offset + 4, offset + INTEGRITY_BYTES),
  );
}

/** Writes MESSAGE-INTEGRITY at `offset`; the bytes must have room for it. */
export function appendIntegrity(bytes: Uint8Array, offset: number, key: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(offset, ATTRIBUTE.messageIntegrity);
  view.setUint16(offset + 2, SHA1_BYTES);
  bytes.set(integrityOf(bytes, offset, key), offset + 4);
}

/** Whether the FINGERPRINT whose header starts at `offset` is right. */
export function verifyFingerprint(bytes: Uint8Array, offset: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (offset + FINGERPRINT_BYTES !== bytes.length || view.getUint16(offset + 2) !== 4) return false;
  return view.getUint32(offset + 4) === fingerprintOf(bytes, offset);
}

/** Writes FINGERPRINT at `offset`; the header's length must already count it. */
export function appendFingerprint(bytes: Uint8Array, offset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(offset, ATTRIBUTE.fingerprint);
  view.setUint16(offset + 2, 4);
  view.setUint32(offset + 4, fingerprintOf(bytes, offset));
}

function fingerprintOf(bytes: Uint8Array, offset: number): number {
  return (crc32(bytes.subarray(0, offset)) ^ FINGERPRINT_XOR) >>> 0;
}
