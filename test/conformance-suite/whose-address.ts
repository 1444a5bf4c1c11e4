/** Whether a server may be asked: the suite sends what no server should be sent by a stranger. */

import { networkInterfaces } from "node:os";
import {
  type Cidr,
  cidrContains,
  type IpAddress,
  isLoopback,
  parseCidr,
  parseIp,
  sameIp,
} from "../../src/stun/address.ts";

const PRIVATE = networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7");

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
