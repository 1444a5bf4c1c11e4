/** The UDP port of the STUN responder and TURN relay, over the batched engine. */

import { isUnspecified, type TransportAddress, withPort } from "../../stun/address.ts";
import { CHANNEL_DATA_HEADER_BYTES, writeChannelDataHeader } from "../../turn/channel-data.ts";
import type { ClientLink, DiscoveryCorner, LinkHolding } from "../../turn/ports.ts";
import { LISTENER_BUFFER_BYTES } from "../dgram-socket.ts";
import { LinksByPort } from "../links-by-port.ts";
import { ownAddresses } from "../relay-addresses.ts";
import type { UdpListenOptions } from "../udp-engine.ts";
import { MAX_LISTENER_ADDRESSES, type UdpListener } from "../udp-listener.ts";
import type { BatchSocket } from "./batch-socket.ts";
import type { BatchEngine } from "./engine.ts";
import type { OverSocket } from "./flow-carriage.ts";

export interface BatchListenerOptions extends UdpListenOptions {
  readonly engine: BatchEngine;
}

/**
 * Throws the system's error of a bind. On an unspecified address every address of this machine gets a socket of its own beside the
 * wildcard, as with `dgram` (udp-listener.ts), so that answers leave from the address that was asked. Each thread has a socket of its own
 * for each address: the kernel deals the clients out to them, by their addresses and ports.
 */
export function openBatchListener(options: BatchListenerOptions): UdpListener {
  const { engine, ip } = options;
  const port = findPort(options);
  const sockets = bindForThreads(options, withPort(ip, port));
  if (isUnspecified(ip)) {
    const ips = ownAddresses().filter(({ family }) => family === ip.family);
    for (const own of ips.slice(0, MAX_LISTENER_ADDRESSES)) {
      try {
        sockets.push(...bindForThreads(options, withPort(own, port)));
      } catch {
        // An address that is going, or not usable yet, is left to the wildcard.
      }
    }
  }
  const [first] = sockets;
  if (first === undefined) throw new Error("nothing was bound");
  return {
    address: first.address,
    send: (message, to) => engine.send(first, to, message, 0, message.length),
    async close() {
      for (const socket of sockets) engine.closeSocket(socket);
    },
  };
}

/** A port that somebody else has is EADDRINUSE: sockets that share theirs would not be told. */
function findPort({ engine, ip, port }: BatchListenerOptions): number {
  const probe = engine.open(withPort(ip, port), () => undefined);
  engine.closeSocket(probe);
  return probe.address.port;
}

/** All of them or none. */
function bindForThreads(options: BatchListenerOptions, address: TransportAddress): BatchSocket[] {
  const { engine, turn, discovery } = options;
  const links = new BatchLinkTable(engine, discovery);
  // With NAT behaviour discovery there is more in an answer.
  const kind = discovery === undefined ? "answering" : "listener";
  const sockets: BatchSocket[] = [];
  try {
    for (const thread of engine.threads.keys()) {
      const socket: BatchSocket = engine.open(
        address,
        (slot, start, end) => {
          const link = links.linkOf(socket, slot);
          if (link !== undefined) turn.receive(link, engine.arena.bytes, start, end);
        },
        { bufferBytes: LISTENER_BUFFER_BYTES, reusePort: true, kind, thread },
      );
      sockets.push(socket);
    }
  } catch (error) {
    for (const socket of sockets) engine.closeSocket(socket);
    throw error;
  }
  return sockets;
}

/** The links of clients that hold something, by port and then by address. A client that holds nothing gets a link for one packet. */
class BatchLinkTable {
  readonly engine: BatchEngine;
  readonly discovery: UdpListenOptions["discovery"];
  readonly held = new LinksByPort<BatchClientLink>();

  constructor(engine: BatchEngine, discovery: UdpListenOptions["discovery"]) {
    this.engine = engine;
    this.discovery = discovery;
  }

  /** Of whoever sent the packet of this slot to this socket. */
  linkOf(socket: BatchSocket, slot: number): BatchClientLink | undefined {
    const { arena } = this.engine;
    const port = arena.sourcePort(slot);
    const onPort = this.held.at(port);
    if (onPort !== undefined) {
      for (const link of onPort) if (arena.isFrom(slot, link.remote)) return link;
    }
    if (port === 0) return undefined;
    return new BatchClientLink(this, socket, arena.readSource(slot));
  }
}

class BatchClientLink implements ClientLink, OverSocket {
  readonly transport = "udp";
  readonly remote: TransportAddress;
  holding: LinkHolding | undefined = undefined;
  readonly #table: BatchLinkTable;
  readonly socket: BatchSocket;

  constructor(table: BatchLinkTable, socket: BatchSocket, remote: TransportAddress) {
    this.#table = table;
    this.socket = socket;
    this.remote = remote;
  }

  get local(): TransportAddress {
    return this.socket.address;
  }

  get discovery(): DiscoveryCorner | undefined {
    return this.#table.discovery?.();
  }

  send(message: Uint8Array): void {
    this.#table.engine.send(this.socket, this.remote, message, 0, message.length);
  }

  /** Over UDP without padding (RFC 8656 section 12.5). The header is written before the data, where they lie. */
  sendChannelData(channelNumber: number, buffer: Uint8Array, start: number, end: number): void {
    const { engine } = this.#table;
    const at = engine.place(buffer, start, end) - CHANNEL_DATA_HEADER_BYTES;
    writeChannelDataHeader(engine.arena.bytes, at, channelNumber, end - start);
    engine.push(this.socket, this.remote, at, end - start + CHANNEL_DATA_HEADER_BYTES);
  }

  retain(): void {
    this.#table.held.add(this);
  }

  release(): void {
    this.#table.held.remove(this);
  }
}
