/** The UDP port of the STUN responder and TURN relay, over `dgram`. */

import type { RemoteInfo, Socket } from "node:dgram";
import {
  formatIp,
  type IpAddress,
  isUnspecified,
  parseIp,
  type TransportAddress,
  withPort,
} from "../stun/address.ts";
import { CHANNEL_DATA_HEADER_BYTES, writeChannelDataHeader } from "../turn/channel-data.ts";
import type { ClientLink, DiscoveryCorner, LinkHolding } from "../turn/ports.ts";
import type { TurnServer } from "../turn/turn-server.ts";
import { bindListenerSocket, closeSocket, sendOrDrop } from "./dgram-socket.ts";
import { LinksByPort } from "./links-by-port.ts";
import { ownAddresses } from "./relay-addresses.ts";
import type { UdpListenOptions } from "./udp-engine.ts";

export interface UdpListener {
  readonly address: TransportAddress;
  /** Sends a packet from `address`, by no client's link. */
  send(message: Uint8Array, to: TransportAddress): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A machine has few addresses; what is beyond is reached through the wildcard socket. */
export const MAX_LISTENER_ADDRESSES = 64;

/**
 * Rejects with Node's bind error. On an unspecified address every address of this machine gets a socket of its own beside the
 * wildcard: `dgram` cannot say which address an answer leaves from, and on a machine with several the kernel's choice is often
 * another one than the client sent to (RFC 8489 section 6.3.1.2), 127.0.0.1 among them.
 */
export async function openUdpListener({ ip, port, turn, discovery }: UdpListenOptions): Promise<UdpListener> {
  const sockets: OneOrMore<Socket> = isUnspecified(ip)
    ? await bindEveryAddress(ip, port)
    : [await bindListenerSocket(ip, port)];
  for (const socket of sockets) serve(socket, turn, discovery);
  let closing: Promise<unknown> | undefined;
  return {
    address: localAddress(sockets[0]),
    send: (message, to) => sendOrDrop(sockets[0], message, 0, message.length, to.port, formatIp(to)),
    async close() {
      closing ??= Promise.all(sockets.map(closeSocket));
      await closing;
    },
  };
}

type OneOrMore<T> = [T, ...T[]];

/** The wildcard socket first. A port that somebody else has is EADDRINUSE, as it is without sharing. */
async function bindEveryAddress(wildcard: IpAddress, wantedPort: number): Promise<OneOrMore<Socket>> {
  const probe = await bindListenerSocket(wildcard, wantedPort);
  const { port } = probe.address();
  await closeSocket(probe);
  const sockets: OneOrMore<Socket> = [await bindListenerSocket(wildcard, port, true)];
  const ips = ownAddresses().filter(({ family }) => family === wildcard.family);
  const bound = await Promise.allSettled(
    ips.slice(0, MAX_LISTENER_ADDRESSES).map((ip) => bindListenerSocket(ip, port, true)),
  );
  // An address that is going, or not usable yet, is left to the wildcard.
  for (const result of bound) if (result.status === "fulfilled") sockets.push(result.value);
  return sockets;
}

function serve(socket: Socket, turn: TurnServer, discovery: UdpListenOptions["discovery"]): void {
  const links = new UdpLinkTable(socket, localAddress(socket), discovery);
  socket.on("message", (message, rinfo) => {
    const link = links.linkOf(rinfo);
    if (link !== undefined) turn.receive(link, message, 0, message.length);
  });
}

function localAddress(socket: Socket): TransportAddress {
  const { address, port } = socket.address();
  const ip = parseIp(address);
  if (ip === undefined) throw new Error(`bound to what is no IP address: ${address}`);
  return withPort(ip, port);
}

/**
 * The links of clients that hold something, by port and then by address. A client that holds nothing gets a link for one packet: what has
 * not authenticated leaves nothing behind.
 */
class UdpLinkTable {
  readonly #socket: Socket;
  readonly #local: TransportAddress;
  readonly discovery: UdpListenOptions["discovery"];
  readonly held = new LinksByPort<UdpClientLink>();

  constructor(socket: Socket, local: TransportAddress, discovery: UdpListenOptions["discovery"]) {
    this.discovery = discovery;
    this.#socket = socket;
    this.#local = local;
  }

  linkOf(rinfo: RemoteInfo): UdpClientLink | undefined {
    const onPort = this.held.at(rinfo.port);
    if (onPort !== undefined) {
      for (const link of onPort) if (link.remoteIp === rinfo.address) return link;
    }
    const ip = parseIp(rinfo.address);
    if (ip === undefined || rinfo.port === 0) return undefined;
    return new UdpClientLink(this, this.#socket, withPort(ip, rinfo.port), rinfo.address, this.#local);
  }
}

class UdpClientLink implements ClientLink {
  readonly transport = "udp";
  readonly remote: TransportAddress;
  readonly remoteIp: string;
  readonly local: TransportAddress;
  holding: LinkHolding | undefined = undefined;
  readonly #table: UdpLinkTable;
  readonly #socket: Socket;

  constructor(
    table: UdpLinkTable,
    socket: Socket,
    remote: TransportAddress,
    remoteIp: string,
    local: TransportAddress,
  ) {
    this.#table = table;
    this.#socket = socket;
    this.remote = remote;
    this.remoteIp = remoteIp;
    this.local = local;
  }

  get discovery(): DiscoveryCorner | undefined {
    return this.#table.discovery?.();
  }

  send(message: Uint8Array): void {
    sendOrDrop(this.#socket, message, 0, message.length, this.remote.port, this.remoteIp);
  }

  /** Over UDP without padding (RFC 8656 section 12.5). */
  sendChannelData(channelNumber: number, buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const frame = Buffer.allocUnsafe(CHANNEL_DATA_HEADER_BYTES + length);
    writeChannelDataHeader(frame, 0, channelNumber, length);
    frame.set(buffer.subarray(start, end), CHANNEL_DATA_HEADER_BYTES);
    sendOrDrop(this.#socket, frame, 0, frame.length, this.remote.port, this.remoteIp);
  }

  retain(): void {
    this.#table.held.add(this);
  }

  release(): void {
    this.#table.held.remove(this);
  }
}
