/** Where clients and peers are, for a server that runs somewhere: addresses of this machine. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  formatIp,
  type IpAddress,
  type IpFamily,
  isLoopback,
  parseIp,
  sameIp,
  type TransportAddress,
} from "../../src/stun/address.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";
import type { SuiteOptions } from "./options.ts";
import { isOwn, ownIps } from "./whose-address.ts";

/** Linux answers to all of 127.0.0.0/8. Not the server's own address: that is for its clients to be kept from. */
const LOOPBACK_PEERS = [parseIp("127.0.0.2"), parseIp("127.0.0.4"), parseIp("::1")];

export interface Places {
  /** One or two of each family; none where this machine has no such address. */
  readonly peers: readonly IpAddress[];
  /** From where this machine reaches the server. */
  clientIp(family: IpFamily): IpAddress | undefined;
}

/** A peer's address is none of this machine's. */
export class PeerAddressError extends Error {
  constructor(ip: IpAddress, cause: unknown) {
    super(`peer ${formatIp(ip)}: not an address of this machine`, { cause });
    this.name = "PeerAddressError";
  }
}

/** Rejects with PeerAddressError. */
export async function findPlaces({ servers, peers }: SuiteOptions): Promise<Places> {
  const clients = await Promise.all(servers.map(sourceTo));
  const families: readonly IpFamily[] = [4, 6];
  const found = families.flatMap((family) => {
    const given = peers.filter((peer) => peer.family === family);
    return (given.length > 0 ? given : defaultPeers(servers, clients, family)).slice(0, 2);
  });
  for (const ip of found) await assertOurs(ip);
  return { peers: found, clientIp: (family) => clients.find((client) => client.family === family) };
}

async function assertOurs(ip: IpAddress): Promise<void> {
  const endpoint = await openUdpEndpoint(ip).catch((error: unknown) => {
    throw new PeerAddressError(ip, error);
  });
  await endpoint.close();
}

function defaultPeers(
  servers: readonly TransportAddress[],
  clients: readonly IpAddress[],
  family: IpFamily,
): readonly IpAddress[] {
  const inFamily = (ip: IpAddress | undefined): ip is IpAddress => ip?.family === family;
  const own = ownIps().filter(inFamily);
  if (servers.every(isLoopback)) {
    return LOOPBACK_PEERS.filter(inFamily).filter((ip) => family === 4 || own.some((one) => sameIp(one, ip)));
  }
  // The address that the clients have, unless it is the server's too.
  const away = own.filter((ip) => !isLoopback(ip));
  const others = away.filter((ip) => !servers.some((server) => sameIp(server, ip)));
  const candidates = others.length > 0 ? others : away;
  return [...clients.filter((client) => candidates.some((ip) => sameIp(ip, client))), ...candidates].filter(
    (ip, index, all) => inFamily(ip) && all.findIndex((one) => sameIp(one, ip)) === index,
  );
}

/** The address that packets to the server leave from. Nothing is sent. */
async function sourceTo(server: TransportAddress): Promise<IpAddress> {
  if (isOwn(server)) return server;
  const socket = createSocket(server.family === 4 ? "udp4" : "udp6");
  try {
    socket.connect(server.port, formatIp(server));
    await once(socket, "connect");
    const source = parseIp(socket.address().address);
    if (source === undefined) throw new Error(`no address of ours reaches ${formatIp(server)}`);
    return source;
  } finally {
    socket.close();
  }
}
