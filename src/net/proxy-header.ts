/**
 * The PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt): what a proxy writes at the
 * beginning of a connection to say whose it is.
 *
 *   1   "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n", or "PROXY UNKNOWN" and anything up to the end of the line
 *   2   signature (12) │ version, command (1) │ family, transport (1) │ length (2) │ addresses, ports, TLVs (length)
 */

import {
  type IpAddress,
  ipv4FromWord,
  ipv6FromWords,
  parseIpv4,
  parseIpv6,
  type TransportAddress,
  unmapIpv4,
  withPort,
} from "../stun/address.ts";

/** Who opened the connection, and what it was opened to. */
export interface ProxiedEnds {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
}

export type ProxyHeader =
  /** As far as it goes it is the beginning of a header. */
  | { readonly kind: "incomplete" }
  /** The connection begins with something else. */
  | { readonly kind: "none" }
  | { readonly kind: "malformed" }
  /** The first `bytes` of the connection. Without `ends` the proxy speaks for itself, or does not know for whom. */
  | { readonly kind: "header"; readonly bytes: number; readonly ends?: ProxiedEnds };

/** Section 2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero". */
const MAX_TEXT_BYTES = 107;
/** Section 2.2 allows 64 KB of TLVs; what proxies send is a few hundred bytes. */
const MAX_BINARY_BYTES = 4096;
const TEXT_SIGNATURE = Buffer.from("PROXY");
const BINARY_SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const BINARY_PREFIX_BYTES = 16;
const [SPACE, CARRIAGE_RETURN, LINE_FEED] = [0x20, 0x0d, 0x0a];

const INCOMPLETE: ProxyHeader = { kind: "incomplete" };
const NONE: ProxyHeader = { kind: "none" };
const MALFORMED: ProxyHeader = { kind: "malformed" };

/** Reads the header at the beginning of what has come of a connection so far. Never throws; the bytes are not kept. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (agrees(bytes, TEXT_SIGNATURE))
    return bytes.length < TEXT_SIGNATURE.length ? INCOMPLETE : readText(bytes);
  if (!agrees(bytes, BINARY_SIGNATURE)) return NONE;
  return bytes.length < BINARY_PREFIX_BYTES ? INCOMPLETE : readBinary(bytes);
}

/** As far as both go they are the same. */
function agrees(bytes: Uint8Array, signature: Uint8Array): boolean {
  const length = Math.min(bytes.length, signature.length);
  return Buffer.compare(bytes.subarray(0, length), signature.subarray(0, length)) === 0;
}

function readText(bytes: Uint8Array): ProxyHeader {
  const delimiter = bytes[TEXT_SIGNATURE.length];
  if (delimiter !== undefined && delimiter !== SPACE) return MALFORMED;
  const end = bytes.subarray(0, MAX_TEXT_BYTES).indexOf(LINE_FEED);
  if (end < 0) return bytes.length < MAX_TEXT_BYTES ? INCOMPLETE : MALFORMED;
  if (bytes[end - 1] !== CARRIAGE_RETURN) return MALFORMED;
  const line = Buffer.from(bytes.subarray(TEXT_SIGNATURE.length + 1, end - 1)).toString("latin1");
  const [family, source = "", destination = "", sourcePort = "", destinationPort = "", ...more] =
    line.split(" ");
  // "The receiver must ignore anything presented before the CRLF is found."
  if (family === "UNKNOWN") return { kind: "header", bytes: end + 1 };
  if ((family !== "TCP4" && family !== "TCP6") || more.length > 0) return MALFORMED;
  const parse = family === "TCP4" ? parseIpv4 : parseIpv6;
  const ends = toEnds(parse(source), parse(destination), readPort(sourcePort), readPort(destinationPort));
  return ends === undefined ? MALFORMED : { kind: "header", bytes: end + 1, ends };
}

/** Without leading zeros, which the specification forbids. */
function readPort(text: string): number | undefined {
  const port = /^(0|[1-9][0-9]{0,4})$/.test(text) ? Number(text) : undefined;
  return port !== undefined && port <= 0xffff ? port : undefined;
}

/** Family and transport, each half a byte: the values that section 2.2 lets a proxy send; transport says nothing here. */
const FAMILIES: ReadonlyMap<number, "unspecified" | "ipv4" | "ipv6" | "unix"> = new Map([
  [0x00, "unspecified"],
  [0x11, "ipv4"],
  [0x12, "ipv4"],
  [0x21, "ipv6"],
  [0x22, "ipv6"],
  [0x31, "unix"],
  [0x32, "unix"],
]);
const VERSION = 2;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const IPV4_ENDS_BYTES = 12;
const IPV6_ENDS_BYTES = 36;

/** TLVs follow the addresses, and are passed over. */
function readBinary(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versionAndCommand = view.getUint8(12);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >>> 4 !== VERSION || command > COMMAND_PROXY) return MALFORMED;
  const size = BINARY_PREFIX_BYTES + view.getUint16(14);
  if (size > MAX_BINARY_BYTES) return MALFORMED;
  // Of a connection of the proxy's own the rest says nothing, whatever it is.
  const family = command === COMMAND_LOCAL ? "unspecified" : FAMILIES.get(view.getUint8(13));
  const endsBytes = family === "ipv4" ? IPV4_ENDS_BYTES : family === "ipv6" ? IPV6_ENDS_BYTES : 0;
  if (family === undefined || size < BINARY_PREFIX_BYTES + endsBytes) return MALFORMED;
  if (bytes.length < size) return INCOMPLETE;
  const ends = family === "ipv4" ? readIpv4Ends(view) : family === "ipv6" ? readIpv6Ends(view) : undefined;
  return ends === undefined ? { kind: "header", bytes: size } : { kind: "header", bytes: size, ends };
}

function readIpv4Ends(view: DataView): ProxiedEnds | undefined {
  const ip = (offset: number) => ipv4FromWord(view.getUint32(offset));
  return toEnds(ip(16), ip(20), view.getUint16(24), view.getUint16(26));
}

function readIpv6Ends(view: DataView): ProxiedEnds | undefined {
  const word = (offset: number) => view.getUint32(offset);
  const ip = (at: number) => ipv6FromWords(word(at), word(at + 4), word(at + 8), word(at + 12));
  return toEnds(ip(16), ip(32), view.getUint16(48), view.getUint16(50));
}

function toEnds(
  source: IpAddress | undefined,
  destination: IpAddress | undefined,
  sourcePort: number | undefined,
  destinationPort: number | undefined,
): ProxiedEnds | undefined {
  if (source === undefined || sourcePort === undefined) return undefined;
  if (destination === undefined || destinationPort === undefined) return undefined;
  return {
    source: withPort(unmapIpv4(source), sourcePort),
    destination: withPort(unmapIpv4(destination), destinationPort),
  };
}
