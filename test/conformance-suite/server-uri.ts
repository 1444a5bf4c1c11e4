/** Which server is asked, and whether it may be: the suite sends what no server should be sent by a stranger. */

import { networkInterfaces } from "node:os";
import {
  type Cidr,
  cidrContains,
  type IpAddress,
  parseCidr,
  parseIp,
  sameIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";

const DEFAULT_PORT = 3478;
/** `turn:192.0.2.1`, `turn:192.0.2.1:3478`, `turn:[2001:db8::1]:3478` (RFC 7065), with `?transport=udp` or without. */
const TURN_URI = /^turn:(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?(?:\?transport=udp)?$/;

const LOOPBACK = networks("127.0.0.0/8", "::1/128");
const PRIVATE = networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7");

/** Undefined for what is no URI of a TURN server over UDP, and for names: nobody is asked what they stand for. */
export function parseServerUri(uri: string): TransportAddress | undefined {
  const [, ipv6, ipv4, port = `${DEFAULT_PORT}`] = TURN_URI.exec(uri) ?? [];
  const ip = parseIp(ipv6 ?? ipv4 ?? "");
  const number = Number(port);
  const isPort = number >= 1 && number <= 65535;
  return ip !== undefined && ip.family === (ipv6 === undefined ? 4 : 6) && isPort
    ? withPort(ip, number)
    : undefined;
}

export function isLoopback(ip: IpAddress): boolean {
  return LOOPBACK.some((network) => cidrContains(network, ip));
}

export function isPrivate(ip: IpAddress): boolean {
  return PRIVATE.some((network) => cidrContains(network, ip));
}

/** The addresses of this machine's interfaces, link-local ones left out. */
export function ownIps(): readonly IpAddress[] {
  const entries = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = entries.filter(({ scopeid }) => scopeid === undefined || scopeid === 0);
  return usable.map(({ address }) => parseIp(address)).filter((ip) => ip !== undefined);
}

export function isOwn(ip: IpAddress): boolean {
  return isLoopback(ip) || ownIps().some((own) => sameIp(own, ip));
}

/** A server here is surely in the hands of whoever runs the suite. */
export function isNearby(ip: IpAddress): boolean {
  return isOwn(ip) || isPrivate(ip);
}

function networks(...texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => parseCidr(text)).filter((cidr) => cidr !== undefined);
}
