/** Addresses that nobody may relay to, in every form that fits on the wire. */

import { formatIp, type IpAddress, ipv4FromWord, parseCidr, parseIp } from "../../src/stun/address.ts";

/** IANA's special-purpose registry of IPv4 (RFC 6890), as far as it is not globally reachable, and multicast. */
const IPV4_NETWORKS = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** What attackers ask for first: metadata services of clouds, name servers of machines, broadcast. */
const IPV4_FAVOURITES = ["127.0.0.1", "127.0.0.53", "169.254.169.254", "100.100.100.200", "255.255.255.255"];

const IPV6 = [
  "::",
  "::1",
  "64:ff9b:1::808:808", // NAT64 of local use
  "100::1", // discard-only
  "2001:0:808:808::f7f7:f7f7", // Teredo, whatever it stands for
  "2001:1::1", // PCP server of the network that the relay is in
  "2001:2::1", // benchmarking
  "2001:10::1", // ORCHID
  "2001:20::1",
  "2001:db8::1", // documentation
  "3fff::1",
  "5f00::1", // segment routing
  "fc00::1", // unique local
  "fd00:ec2::254", // a cloud's metadata service
  "fe80::1", // link-local
  "fe80::a9fe:a9fe",
  "fec0::1", // site-local
  "ff02::1", // multicast
  "ff0e::1",
  "::ffff:8.8.8.8", // mapped: never on the wire
];

/** First, middle and last address of every network, and the favourites. */
export function deniedIpv4(): IpAddress[] {
  const ofNetworks = IPV4_NETWORKS.flatMap((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new Error(`not a network: ${text}`);
    const size = 2 ** (32 - cidr.prefixLength);
    return [0, Math.floor(size / 2), size - 1].map((offset) => ipv4FromWord(cidr.base.w3 + offset));
  });
  return [...ofNetworks, ...IPV4_FAVOURITES.map(addressOf)];
}

/** Those of IPv6 itself, and every denied IPv4 address in every form that IPv6 has for it. */
export function deniedIpv6(): IpAddress[] {
  return [...IPV6, ...deniedIpv4().flatMap((ip) => embeddings(formatIp(ip)))].map(addressOf);
}

/** Every way in which an IPv6 address stands for an IPv4 one: RFC 4291 (mapped, compatible), 6052 (NAT64), 3056 (6to4), 4380 (Teredo). */
export function embeddings(ipv4: string): string[] {
  const word = addressOf(ipv4).w3;
  const hex = (value: number) => `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
  return [
    `::ffff:${ipv4}`,
    `::${ipv4}`,
    `64:ff9b::${ipv4}`,
    `64:ff9b:1::${ipv4}`,
    `2002:${hex(word)}::1`,
    `2002:${hex(word)}:1234::5678`,
    `2001:0:${hex(word)}::f7f7:f7f7`,
    `2001:0:808:808:0:0:${hex(~word >>> 0)}`,
  ];
}

export function addressOf(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return ip;
}
