/**
 * CRC-32 as FINGERPRINT has it (RFC 8489 section 14.7, ITU-T V.42). `node:zlib` has one that is faster from a few hundred bytes on, but it
 * takes a view of the bytes, which is an object for each message.
 */

const POLYNOMIAL = 0xedb88320;
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  return crc;
});

/** Of bytes[start, end), as a signed 32-bit number. */
export function crc32Of(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let i = start; i < end; i++)
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc;
}
