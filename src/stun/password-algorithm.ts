/** Password algorithms and user hashes of the long-term credential mechanism (RFC 8489 sections 14.4, 14.11, 14.12 and 18.5). */

import { createHash } from "node:crypto";
import type { StunAttribute } from "./message.ts";
import { ATTRIBUTE } from "./registry.ts";

export type PasswordAlgorithm = "md5" | "sha256";

/** Header of an algorithm: its number and the length of its parameters, which both known ones have none of. */
const ALGORITHM_BYTES = 4;
const NUMBERS: Readonly<Record<PasswordAlgorithm, number>> = { md5: 0x0001, sha256: 0x0002 };
/** Of the "STUN Security Features": bit 0 counts from the least significant side (RFC 8489, erratum 6290, and appendix B.1). */
const PASSWORD_ALGORITHMS_BIT = 0x000001;

/** PASSWORD-ALGORITHM of a request. */
export function passwordAlgorithmAttribute(algorithm: PasswordAlgorithm): StunAttribute {
  return { type: ATTRIBUTE.passwordAlgorithm, value: encodeAlgorithms([algorithm]) };
}

/** PASSWORD-ALGORITHMS: the most preferred one first. */
export function passwordAlgorithmsAttribute(algorithms: readonly PasswordAlgorithm[]): StunAttribute {
  return { type: ATTRIBUTE.passwordAlgorithms, value: encodeAlgorithms(algorithms) };
}

function encodeAlgorithms(algorithms: readonly PasswordAlgorithm[]): Uint8Array {
  const value = Buffer.alloc(ALGORITHM_BYTES * algorithms.length);
  for (const [i, algorithm] of algorithms.entries())
    value.writeUInt16BE(NUMBERS[algorithm], i * ALGORITHM_BYTES);
  return value;
}

/** PASSWORD-ALGORITHM; undefined for one that is not known, and for a malformed value. */
export function readPasswordAlgorithm(value: Uint8Array): PasswordAlgorithm | undefined {
  const known = Object.keys(NUMBERS) as PasswordAlgorithm[];
  return known.find((algorithm) => Buffer.compare(value, encodeAlgorithms([algorithm])) === 0);
}

/** USERHASH: SHA-256(username ":" realm), 32 bytes. */
export function userhash(username: string, realm: string): Uint8Array {
  return createHash("sha256").update(`${username}:${realm}`).digest();
}

/**
 * The "nonce cookie" (section 9.2) of a server that offers password algorithms: a client that is given such a nonce without
 * PASSWORD-ALGORITHMS knows that somebody on the way has taken them out.
 */
export const NONCE_COOKIE = `obMatJos2${featureBits(PASSWORD_ALGORITHMS_BIT)}`;

function featureBits(bits: number): string {
  return Buffer.from([bits >>> 16, (bits >>> 8) & 0xff, bits & 0xff]).toString("base64");
}
