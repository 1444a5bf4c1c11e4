/** Which of this machine's addresses the relay uses, and what clients are told. */

import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import {
  type IpAddress,
  type IpFamily,
  isLoopback,
  isUnspecified,
  parseIp,
  sameIp,
} from "../stun/address.ts";

export interface RelayAddress {
  /** What relay sockets are bound to. */
  readonly bindIp: IpAddress;
  /** What clients are told: the external address behind a 1:1 NAT, else `bindIp`. */
  readonly relayedIp: IpAddress;
}

/** Only asked for the route to it: connecting a UDP socket sends nothing. */
const ROUTE_PROBES: Record<IpFamily, string> = { 4: "192.0.2.1", 6: "2001:db8::1" };

/**
 * At most one relay address per family that is listened on: a host given by name, else the address that the default route leaves
 * from, else the first one that is not loopback; IPv4 falls back to loopback, so that a machine without a network can still
 * try itself.
 */
export async function findRelayAddresses(
  hosts: readonly IpAddress[],
  externalIps: readonly IpAddress[],
): Promise<RelayAddress[]> {
  const addresses: RelayAddress[] = [];
  for (const family of [4, 6] as const) {
    const ofFamily = hosts.filter((host) => host.family === family);
    if (ofFamily.length === 0) continue;
    const bindIp =
      ofFamily.find((host) => !isUnspecified(host)) ??
      (await outgoingAddress(family)) ??
      ownAddresses().find((ip) => ip.family === family && !isLoopback(ip)) ??
      (family === 4 ? parseIp("127.0.0.1") : undefined);
    if (bindIp === undefined) continue;
    const relayedIp = externalIps.find((ip) => ip.family === family) ?? bindIp;
    addresses.push({ bindIp, relayedIp });
  }
  return addresses;
}

/** Every address of this machine's interfaces but link-local IPv6, which needs a zone. */
export function ownAddresses(): IpAddress[] {
  const addresses: IpAddress[] = [];
  for (const entry of Object.values(networkInterfaces()).flat()) {
    const ip = entry && parseIp(entry.address);
    if (ip === undefined || (ip.family === 6 && ip.w0 >>> 22 === 0xfe80 >>> 6)) continue;
    if (!addresses.some((known) => sameIp(known, ip))) addresses.push(ip);
  }
  return addresses;
}

function outgoingAddress(family: IpFamily): Promise<IpAddress | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    function finish(ip: IpAddress | undefined): void {
      socket.close();
      resolve(ip);
    }
    socket.once("error", () => finish(undefined));
    socket.connect(9, ROUTE_PROBES[family], () => {
      const ip = parseIp(socket.address().address);
      finish(ip !== undefined && !isLoopback(ip) && !isUnspecified(ip) ? ip : undefined);
    });
  });
}
