/** Which addresses a client may ask to relay to: closed by default for every network that is not the public internet. */

import { type Cidr, cidrContains, type IpAddress, ipv4FromWord, networks, sameIp } from "../stun/address.ts";
import type { RelayTargetPolicy, RelayTargetVerdict } from "./ports.ts";

const LOOPBACK = networks("127.0.0.0/8", "::1/128");
const PRIVATE = networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7");

/** IANA's special-purpose address registries (RFC 6890), as far as they are not globally reachable. */
const DENIED = networks(
  "0.0.0.0/8", // "this network"
  "100.64.0.0/10", // shared address space; holds a cloud's metadata service
  "169.254.0.0/16", // link-local; holds the other clouds' metadata service
  "192.0.0.0/24", // IETF protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 anycast, withdrawn
  "198.18.0.0/15", // benchmarking
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
  "::ffff:0:0/96", // IPv4-mapped: never on the wire
  "64:ff9b:1::/48", // NAT64 of local use
  "2001::/23", // protocol assignments: Teredo, benchmarking, ORCHID, anycast of the network's own PCP and TURN servers
  "2001:db8::/32", // documentation
  "3fff::/20", // documentation
);

/** All of IPv6 that can be global; what lies outside is unspecified, compatible, link-local, multicast or reserved. */
const GLOBAL_IPV6 = networks("2000::/3", "64:ff9b::/96");

const NAT64 = networks("64:ff9b::/96", "64:ff9b:1::/48");
const [MAPPED, COMPATIBLE, SIX_TO_FOUR, TEREDO] = networks(
  "::ffff:0:0/96",
  "::/96",
  "2002::/16",
  "2001::/32",
) as [Cidr, Cidr, Cidr, Cidr];

export interface RelayTargetOptions {
  readonly allow: readonly Cidr[];
  readonly deny: readonly Cidr[];
  /** Opens the private ranges. */
  readonly lan: boolean;
  /** Opens loopback. */
  readonly dev: boolean;
  /** Addresses of our relay sockets, bound and external. */
  readonly relayIps: readonly IpAddress[];
  /** Every other address of this machine: never a target. */
  readonly otherOwnIps: readonly IpAddress[];
}

export function createRelayTargetPolicy(options: RelayTargetOptions): RelayTargetPolicy {
  const allow = [...options.allow, ...(options.lan ? PRIVATE : []), ...(options.dev ? LOOPBACK : [])];
  const denied = [...LOOPBACK, ...PRIVATE, ...DENIED];
  const isIn = (list: readonly Cidr[], ip: IpAddress) => list.some((cidr) => cidrContains(cidr, ip));
  const isOpenLoopback = (ip: IpAddress) => options.dev && isIn(LOOPBACK, ip);

  const isPublic = (ip: IpAddress) => !isIn(denied, ip) && (ip.family === 4 || isIn(GLOBAL_IPV6, ip));
  const ownIps = [...options.relayIps, ...options.otherOwnIps];
  const isOurs = (ip: IpAddress) => ownIps.some((own) => sameIp(own, ip));

  function judge(target: IpAddress): RelayTargetVerdict {
    if (options.relayIps.some((own) => sameIp(own, target)))
      return isOpenLoopback(target) ? "own-open" : "own";
    if (isOurs(target) && !isOpenLoopback(target)) return "denied";
    // An address that stands for an IPv4 address is refused where that one is ours or refused.
    const embedded = embeddedIpv4(target);
    if (embedded.some(isOurs)) return "denied";
    if ([target, ...embedded].some((ip) => isIn(options.deny, ip))) return "denied";
    if (isIn(allow, target)) return "allowed";
    if (!embedded.every((ip) => isIn(allow, ip) || isPublic(ip))) return "denied";
    return isPublic(target) ? "allowed" : "denied";
  }

  return { judge };
}

/** The one address that packets to this one end at: an IPv4 address in all its IPv6 forms is the same host. */
export function canonicalIp(ip: IpAddress): IpAddress {
  return embeddedIpv4(ip).at(-1) ?? ip;
}

/** The IPv4 addresses that an IPv6 address stands for: RFC 4291 (mapped, compatible), 6052 (NAT64), 3056 (6to4), 4380 (Teredo). */
function embeddedIpv4(ip: IpAddress): IpAddress[] {
  if (ip.family === 4) return [];
  if (cidrContains(MAPPED, ip)) return [ipv4FromWord(ip.w3)];
  if (NAT64.some((cidr) => cidrContains(cidr, ip))) return [ipv4FromWord(ip.w3)];
  if (cidrContains(COMPATIBLE, ip)) return [ipv4FromWord(ip.w3)];
  if (cidrContains(SIX_TO_FOUR, ip)) return [ipv4FromWord((ip.w0 << 16) | (ip.w1 >>> 16))];
  // Server in the second word; the client's address in the last one, inverted.
  if (cidrContains(TEREDO, ip)) return [ipv4FromWord(ip.w1), ipv4FromWord(~ip.w3)];
  return [];
}
