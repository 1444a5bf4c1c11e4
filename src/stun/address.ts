/**
 * IP addresses and transport addresses as 32-bit words.
 *
 * The relay compares addresses for every packet, so they are numbers here, never strings: an IPv6 address is
 * four words, an IPv4 address sits in `w3` with the other words zero. Two addresses are equal when family,
 * words and port are.
 */

export type IpFamily = 4 | 6;

/** An IP address. Words are unsigned 32-bit integers in network order; for IPv4 only `w3` is used. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** An IP address and a UDP or TCP port (0 to 65535). */
export interface TransportAddress extends IpAddress {
  readonly port: number;
}

export function ipv4FromWord(word: number): IpAddress {
  return { family: 4, w0: 0, w1: 0, w2: 0, w3: word >>> 0 };
}

export function ipv6FromWords(w0: number, w1: number, w2: number, w3: number): IpAddress {
  return { family: 6, w0: w0 >>> 0, w1: w1 >>> 0, w2: w2 >>> 0, w3: w3 >>> 0 };
}

export function withPort(ip: IpAddress, port: number): TransportAddress {
  return { family: ip.family, w0: ip.w0, w1: ip.w1, w2: ip.w2, w3: ip.w3, port };
}

export function sameIp(a: IpAddress, b: IpAddress): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0 && a.family === b.family;
}

export function isUnspecified(ip: IpAddress): boolean {
  return (ip.w0 | ip.w1 | ip.w2 | ip.w3) === 0;
}

export function isLoopback(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.w3 >>> 24 === 127 : (ip.w0 | ip.w1 | ip.w2) === 0 && ip.w3 === 1;
}

export function sameTransportAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && sameIp(a, b);
}

/**
 * Reads an IPv4 address in dotted decimal. Stricter than `inet_aton`: four decimal octets, no leading zeros,
 * so that "010.0.0.1" and "2130706433" are not addresses. Returns undefined for anything else.
 */
export function parseIpv4(text: string): IpAddress | undefined {
  const word = readDottedDecimal(text, 0, text.length);
  return word < 0 ? undefined : ipv4FromWord(word);
}

/** The 32-bit value of the dotted decimal in text[start, end), or -1. Makes no objects: dgram asks per packet. */
function readDottedDecimal(text: string, start: number, end: number): number {
  let word = 0;
  let octet = -1;
  let digits = 0;
  let dots = 0;
  for (let i = start; i <= end; i++) {
    const code = i === end ? 0x2e : text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0) return -1;
      word = word * 256 + octet;
      dots++;
      octet = -1;
      digits = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39 || octet === 0) return -1;
    octet = (octet === -1 ? 0 : octet) * 10 + (code - 0x30);
    if (octet > 255) return -1;
    digits++;
  }
  return dots === 4 ? word : -1;
}

/**
 * Reads an IPv6 address in the text forms of RFC 4291 section 2.2, the dotted last 32 bits included. A zone
 * ("%eth0") is not part of an address here. Returns undefined for anything else.
 */
export function parseIpv6(text: string): IpAddress | undefined {
  const gap = text.indexOf("::");
  if (gap !== text.lastIndexOf("::") || text.length > 45) return undefined;
  if (gap < 0) {
    const groups = readGroups(text);
    return groups?.length === 8 ? ipv6FromGroups(groups) : undefined;
  }
  const head = gap === 0 ? [] : readGroups(text.slice(0, gap));
  const tail = gap + 2 === text.length ? [] : readGroups(text.slice(gap + 2));
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
  if (gap > 0 && text.slice(0, gap).includes(".")) return undefined;
  return ipv6FromGroups([...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]);
}

function readGroups(text: string): number[] | undefined {
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const word = index === parts.length - 1 ? readDottedDecimal(part, 0, part.length) : -1;
      if (word < 0) return undefined;
      groups.push(Math.floor(word / 0x10000), word % 0x10000);
      continue;
    }
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

function ipv6FromGroups(g: readonly number[]): IpAddress {
  const word = (i: number) => (g[i] ?? 0) * 0x10000 + (g[i + 1] ?? 0);
  return ipv6FromWords(word(0), word(2), word(4), word(6));
}

/** Reads an IPv4 or IPv6 address. Returns undefined for anything else; names are never resolved. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The address in text: dotted decimal, or RFC 5952 for IPv6. */
export function formatIp(ip: IpAddress): string {
  return ip.family === 4 ? formatIpv4Word(ip.w3) : formatIpv6(ip);
}

function formatIpv4Word(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

function formatIpv6(ip: IpAddress): string {
  if (isIpv4Mapped(ip)) return `::ffff:${formatIpv4Word(ip.w3)}`;
  const groups = [ip.w0, ip.w1, ip.w2, ip.w3].flatMap((word) => [word >>> 16, word & 0xffff]);
  const gap = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (gap.length < 2) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.start + gap.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

/** A name or an address as it stands in a URL: an IPv6 address in brackets (RFC 3986 section 3.2.2). */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** What a bound per address counts by: an IPv4 address, or the /64 that one IPv6 customer holds. */
export function hostKey(ip: IpAddress): string {
  return ip.family === 4 ? formatIp(ip) : `${ip.w0.toString(16)}:${ip.w1.toString(16)}::/64`;
}

/** "192.0.2.1:3478", "[2001:db8::1]:3478". */
export function formatTransportAddress(address: TransportAddress): string {
  return `${urlHost(formatIp(address))}:${address.port}`;
}

function isIpv4Mapped(ip: IpAddress): boolean {
  return ip.family === 6 && ip.w0 === 0 && ip.w1 === 0 && ip.w2 === 0xffff;
}

/** `::ffff:a.b.c.d` as the IPv4 address that it stands for; every other address as it is. */
export function unmapIpv4(ip: IpAddress): IpAddress {
  return isIpv4Mapped(ip) ? ipv4FromWord(ip.w3) : ip;
}

/** A network: the addresses whose first `prefixLength` bits are those of `base`. */
export interface Cidr {
  readonly base: IpAddress;
  readonly prefixLength: number;
}

/** Reads "10.0.0.0/8", "fd00::/8" or a single address. Returns undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const base = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (base === undefined) return undefined;
  const bits = base.family === 4 ? 32 : 128;
  if (slash < 0) return { base, prefixLength: bits };
  const prefix = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > bits) return undefined;
  return { base, prefixLength: Number(prefix) };
}

/** Networks that the code itself names. Throws for what is none. */
export function networks(...texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new Error(`not a network: ${text}`);
    return cidr;
  });
}

export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  const { base } = cidr;
  if (base.family !== ip.family) return false;
  if (ip.family === 4) return samePrefix(base.w3, ip.w3, cidr.prefixLength);
  return (
    samePrefix(base.w0, ip.w0, cidr.prefixLength) &&
    samePrefix(base.w1, ip.w1, cidr.prefixLength - 32) &&
    samePrefix(base.w2, ip.w2, cidr.prefixLength - 64) &&
    samePrefix(base.w3, ip.w3, cidr.prefixLength - 96)
  );
}

function samePrefix(a: number, b: number, bits: number): boolean {
  if (bits <= 0) return true;
  if (bits >= 32) return a === b;
  return (a ^ b) >>> (32 - bits) === 0;
}
