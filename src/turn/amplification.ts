/** The bound on unauthenticated answers over UDP: a server that answers with much more than it was asked is a reflector worth having. */

import type { IpFamily } from "../stun/address.ts";

/** An answer is at most this many times the request, IP and UDP headers counted. */
const MAX_AMPLIFICATION = 2.5;
const UDP_HEADER_BYTES = 8;
const IP_HEADER_BYTES: Readonly<Record<IpFamily, number>> = { 4: 20, 6: 40 };

/** Whether an answer of so many bytes may go out to a request of so many bytes. */
export function isWithinAmplification(requestBytes: number, answerBytes: number, family: IpFamily): boolean {
  const headerBytes = IP_HEADER_BYTES[family] + UDP_HEADER_BYTES;
  return answerBytes + headerBytes <= MAX_AMPLIFICATION * (requestBytes + headerBytes);
}
