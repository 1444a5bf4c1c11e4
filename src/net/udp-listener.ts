/** The UDP port of the STUN responder and TURN relay, over `dgram`. */

import type { RemoteInfo, Socket } from "node:dgram";
import { type IpAddress, parseIp, type TransportAddress, withPort } from "../stun/address.ts";
import { CHANNEL_DATA_HEADER_BYTES, writeChannelDataHeader } from "../turn/channel-data.ts";
import type { ClientLink, LinkHolding } from "../turn/ports.ts";
import type { TurnServer } from "../turn/turn-server.ts";
import { bindListenerSocket, sendOrDrop } from "./dgram-socket.ts";

export interface UdpListenerOptions {
  readonly ip: IpAddress;
  /** 0 picks a free port. */
  readonly port: number;
  readonly turn: TurnServer;
}

export interface UdpListener {
  readonly address: TransportAddress;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Rejects with Node's bind error. */
export async function openUdpListener(options: UdpListenerOptions): Promise<UdpListener> {
  const socket = await bindListenerSocket(options.ip, options.port);
  const address = withPort(options.ip, socket.address().port);
  const links = new UdpLinkTable(socket, address);
  socket.on("message", (message, rinfo) => {
    const link = links.linkOf(rinfo);
    if (link !== undefined) options.turn.receive(link, message, 0, message.length);
  });
  let closing: Promise<void> | undefined;
  return {
    address,
    close() {
      closing ??= new Promise((resolve) => socket.close(() => resolve()));
      return closing;
    },
  };
}

/**
 * The links of clients that hold something, by port and then by address. A client that holds nothing gets a link for one packet: what has
 * not authenticated leaves nothing behind.
 */
class UdpLinkTable {
  readonly #socket: Socket;
  readonly #local: TransportAddress;
  readonly #byPort = new Map<number, UdpClientLink[]>();

  constructor(socket: Socket, local: TransportAddress) {
    this.#socket = socket;
    this.#local = local;
  }

  linkOf(rinfo: RemoteInfo): UdpClientLink | undefined {
    const onPort = this.#byPort.get(rinfo.port);
    if (onPort !== undefined) {
      for (const link of onPort) if (link.remoteIp === rinfo.address) return link;
    }
    const ip = parseIp(rinfo.address);
    if (ip === undefined || rinfo.port === 0) return undefined;
    return new UdpClientLink(this, this.#socket, withPort(ip, rinfo.port), rinfo.address, this.#local);
  }

  add(link: UdpClientLink): void {
    const onPort = this.#byPort.get(link.remote.port);
    if (onPort === undefined) this.#byPort.set(link.remote.port, [link]);
    else if (!onPort.includes(link)) onPort.push(link);
  }

  remove(link: UdpClientLink): void {
    const rest = this.#byPort.get(link.remote.port)?.filter((other) => other !== link) ?? [];
    if (rest.length === 0) this.#byPort.delete(link.remote.port);
    else this.#byPort.set(link.remote.port, rest);
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
    this.#table.add(this);
  }

  release(): void {
    this.#table.remove(this);
  }
}
