/** Relayed transport addresses over `dgram`: one socket each, from the relay port range. */

import type { RemoteInfo, Socket } from "node:dgram";
import {
  formatIp,
  type IpAddress,
  type IpFamily,
  parseIp,
  type TransportAddress,
  withPort,
} from "../stun/address.ts";
import type {
  RelayAllocator,
  RelayDestination,
  RelayPacketReceiver,
  RelayPortParity,
  RelaySocket,
  RelaySocketRequest,
  RelaySocketResult,
} from "../turn/ports.ts";
import { bindDgramSocket, sendOrDrop } from "./dgram-socket.ts";
import type { RelayAddress } from "./relay-addresses.ts";
import { type PortRange, RelayPorts } from "./relay-ports.ts";

/** Opens relay sockets on these addresses, at most one per family. */
export class DgramRelayAllocator implements RelayAllocator {
  readonly #pools = new Map<IpFamily, PortPool>();

  constructor(addresses: readonly RelayAddress[], ports: PortRange) {
    for (const address of addresses) this.#pools.set(address.bindIp.family, new PortPool(address, ports));
  }

  /** Node has no way to set the DF bit. */
  readonly supportsDontFragment = false;

  supports(family: IpFamily): boolean {
    return this.#pools.has(family);
  }

  open(request: RelaySocketRequest, done: (result: RelaySocketResult) => void): void {
    const pool = this.#pools.get(request.family);
    if (pool === undefined) return done({ ok: false, reason: "family-unsupported" });
    pool.open(request.parity).then(done, () => done({ ok: false, reason: "no-port" }));
  }
}

/** The ports of the range on one address. */
class PortPool {
  readonly #address: RelayAddress;
  readonly #ports: RelayPorts;

  constructor(address: RelayAddress, range: PortRange) {
    this.#address = address;
    this.#ports = new RelayPorts(range);
  }

  async open(parity: RelayPortParity): Promise<RelaySocketResult> {
    for (const ports of this.#ports.candidates(parity)) {
      const [socket, next] = await this.#bindAll(ports);
      if (socket !== undefined) return { ok: true, socket, ...(next !== undefined && { next }) };
    }
    return { ok: false, reason: "no-port" };
  }

  /** All of the ports or, with none left open, nothing; rejects on a failure that another port would not mend. */
  async #bindAll(ports: readonly number[]): Promise<readonly RelaySocket[]> {
    const results = await Promise.allSettled(ports.map((port) => this.#bind(port)));
    const sockets = results.flatMap((result) => (result.status === "fulfilled" ? (result.value ?? []) : []));
    if (sockets.length === ports.length) return sockets;
    for (const socket of sockets) socket.close();
    for (const result of results) if (result.status === "rejected") throw result.reason;
    return [];
  }

  /** Undefined where the port is held by somebody else; rejects on any other failure. */
  async #bind(port: number): Promise<RelaySocket | undefined> {
    const giveBack = this.#ports.take(port);
    try {
      const socket = await bindDgramSocket(this.#address.bindIp, port);
      return new DgramRelaySocket(socket, withPort(this.#address.relayedIp, port), giveBack);
    } catch (error) {
      giveBack();
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
      throw error;
    }
  }
}

interface DgramDestination extends RelayDestination {
  readonly ipText: string;
}

class DgramRelaySocket implements RelaySocket {
  readonly relayedAddress: TransportAddress;
  readonly #socket: Socket;
  readonly #onClose: () => void;
  #closed = false;

  constructor(socket: Socket, relayedAddress: TransportAddress, onClose: () => void) {
    this.#socket = socket;
    this.relayedAddress = relayedAddress;
    this.#onClose = onClose;
  }

  destination(address: TransportAddress): DgramDestination {
    return { address, ipText: formatIp(address) };
  }

  send(destination: RelayDestination, buffer: Uint8Array, start: number, end: number): void {
    if (this.#closed || destination.address.port === 0) return;
    const { ipText, address } = destination as DgramDestination;
    sendOrDrop(this.#socket, buffer, start, end - start, address.port, ipText);
  }

  onPacket(receiver: RelayPacketReceiver): void {
    const sources = new SourceReader();
    this.#socket.removeAllListeners("message");
    this.#socket.on("message", (message, rinfo) => {
      const source = sources.read(rinfo);
      if (source !== undefined) receiver(source, message, 0, message.length);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#onClose();
  }
}

/** Reads the source of packets; remembers the last one, because a relay socket mostly hears from one peer. */
class SourceReader {
  #text = "";
  #source: TransportAddress | undefined;

  read(rinfo: RemoteInfo): TransportAddress | undefined {
    if (rinfo.address === this.#text && rinfo.port === this.#source?.port) return this.#source;
    const ip: IpAddress | undefined = parseIp(rinfo.address);
    this.#text = rinfo.address;
    this.#source = ip && withPort(ip, rinfo.port);
    return this.#source;
  }
}
