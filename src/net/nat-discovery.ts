/**
 * The four addresses of NAT behaviour discovery (RFC 5780 section 6): two IP addresses with two ports each, so that a client can be
 * answered from where it has not sent to.
 */

import { formatTransportAddress, type IpAddress, withPort } from "../stun/address.ts";
import type { DiscoveryCorner } from "../turn/ports.ts";
import { closeListeners } from "./listen.ts";
import type { UdpListenOptions } from "./udp-engine.ts";
import type { UdpListener } from "./udp-listener.ts";

export interface NatDiscoveryOptions {
  /** Of the engine that carries UDP. */
  readonly listen: (options: UdpListenOptions) => Promise<UdpListener>;
  readonly turn: UdpListenOptions["turn"];
  readonly ip: IpAddress;
  /** 0 picks a free port. */
  readonly port: number;
  readonly alternateIp: IpAddress;
  readonly alternatePort: number;
}

/** Opens all four; `address` is that of `ip` and `port`. Rejects with the system's error of a bind, and leaves nothing open. */
export async function openNatDiscovery(options: NatDiscoveryOptions): Promise<UdpListener> {
  const { listen, turn } = options;
  const ips = [options.ip, options.alternateIp];
  const ports = [options.port, options.alternatePort];
  const opened: UdpListener[] = [];
  /** By IP address and port; there when all are. */
  const corners: DiscoveryCorner[] = [];
  try {
    for (const [i, ip] of ips.entries()) {
      for (const [p, port] of ports.entries()) {
        const at = i * 2 + p;
        const listener = await listen({ ip, port, turn, discovery: () => corners[at] }).catch(
          named(ip, port),
        );
        ports[p] = listener.address.port;
        opened.push(listener);
      }
    }
  } catch (error) {
    await closeListeners(opened);
    throw error;
  }
  corners.push(...opened.map((listener, at) => cornerOf(listener, at, corners)));
  const [first] = opened as [UdpListener];
  return { ...first, close: () => closeListeners(opened).then(() => undefined) };
}

function cornerOf(listener: UdpListener, at: number, corners: readonly DiscoveryCorner[]): DiscoveryCorner {
  return {
    address: listener.address,
    send: (message, to) => listener.send(message, to),
    neighbour: (changeIp, changePort) =>
      corners[at ^ (changeIp ? 2 : 0) ^ (changePort ? 1 : 0)] as DiscoveryCorner,
  };
}

/** An error that says which of the four it was. */
function named(ip: IpAddress, port: number): (error: unknown) => never {
  return (error) => {
    const address = formatTransportAddress(withPort(ip, port));
    const { code, message } = error as NodeJS.ErrnoException;
    throw Object.assign(new Error(`${message} (NAT discovery at ${address})`, { cause: error }), { code });
  };
}
