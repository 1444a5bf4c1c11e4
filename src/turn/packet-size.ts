/** What fits into a datagram and into a STUN message: both say their length in 16 bits, and a length that wraps is another packet's. */

import type { IpFamily } from "../stun/address.ts";
import { HEADER_BYTES as STUN_HEADER_BYTES } from "../stun/registry.ts";
import { CHANNEL_DATA_HEADER_BYTES } from "./channel-data.ts";
import type { ClientLink } from "./ports.ts";

/** The payload of a UDP datagram: its header counts, and over IPv4 the IP header too (RFC 768, RFC 791 and RFC 8200, both section 3). */
const MAX_DATAGRAM_BYTES: Readonly<Record<IpFamily, number>> = { 4: 0xffff - 20 - 8, 6: 0xffff - 8 };
/** RFC 8489 section 5: of the 16 bits "the last 2 bits of this field are always zero". */
const MAX_STUN_BODY_BYTES = 0xfffc;
const ATTRIBUTE_HEADER_BYTES = 4;
/** XOR-PEER-ADDRESS with its header, and DATA's. */
const DATA_INDICATION_BYTES: Readonly<Record<IpFamily, number>> = {
  4: 2 * ATTRIBUTE_HEADER_BYTES + 8,
  6: 2 * ATTRIBUTE_HEADER_BYTES + 20,
};

export function fitsDatagram(dataBytes: number, family: IpFamily): boolean {
  return dataBytes <= MAX_DATAGRAM_BYTES[family];
}

/** Over a stream everything that a datagram can hold fits. */
export function fitsChannelData({ transport, remote }: ClientLink, dataBytes: number): boolean {
  return transport !== "udp" || fitsDatagram(CHANNEL_DATA_HEADER_BYTES + dataBytes, remote.family);
}

/** As a Data indication from a source of this family. */
export function fitsDataIndication(
  { transport, remote }: ClientLink,
  sourceFamily: IpFamily,
  dataBytes: number,
): boolean {
  const bodyBytes = DATA_INDICATION_BYTES[sourceFamily] + Math.ceil(dataBytes / 4) * 4;
  if (transport === "udp") return fitsDatagram(STUN_HEADER_BYTES + bodyBytes, remote.family);
  return bodyBytes <= MAX_STUN_BODY_BYTES;
}
