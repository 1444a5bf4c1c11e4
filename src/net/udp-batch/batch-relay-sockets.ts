/** Relayed transport addresses over the batched engine: one descriptor each, from the relay port range. */

import { type IpFamily, type TransportAddress, withPort } from "../../stun/address.ts";
import type { FlowCarrier } from "../../turn/flow-carrier.ts";
import type {
  IcmpReceiver,
  RelayAllocator,
  RelayDestination,
  RelayPacketReceiver,
  RelayPortParity,
  RelaySocket,
  RelaySocketRequest,
  RelaySocketResult,
} from "../../turn/ports.ts";
import type { RelayAddress } from "../relay-addresses.ts";
import { type PortRange, RelayPorts } from "../relay-ports.ts";
import type { BatchSocket, PacketReceiver } from "./batch-socket.ts";
import type { BatchEngine } from "./engine.ts";
import type { OverSocket } from "./flow-carriage.ts";

/** Opens relay sockets on these addresses, at most one per family. */
export class BatchRelayAllocator implements RelayAllocator {
  readonly #engine: BatchEngine;
  readonly #pools = new Map<IpFamily, { readonly address: RelayAddress; readonly ports: RelayPorts }>();

  constructor(engine: BatchEngine, addresses: readonly RelayAddress[], ports: PortRange) {
    this.#engine = engine;
    for (const address of addresses)
      this.#pools.set(address.bindIp.family, { address, ports: new RelayPorts(ports) });
  }

  get supportsDontFragment(): boolean {
    return this.#engine.supportsDontFragment;
  }

  supports(family: IpFamily): boolean {
    return this.#pools.has(family);
  }

  get carrier(): FlowCarrier {
    return this.#engine.flows;
  }

  open({ family, parity }: RelaySocketRequest, done: (result: RelaySocketResult) => void): void {
    const pool = this.#pools.get(family);
    if (pool === undefined) return done({ ok: false, reason: "family-unsupported" });
    done(this.#openOf(pool.address, pool.ports, parity));
  }

  #openOf(address: RelayAddress, ports: RelayPorts, parity: RelayPortParity): RelaySocketResult {
    try {
      for (const wanted of ports.candidates(parity)) {
        const [socket, next] = this.#bindAll(address, ports, wanted);
        if (socket !== undefined) return { ok: true, socket, ...(next !== undefined && { next }) };
      }
    } catch {
      // No descriptor left, or the address is not there any more: another port would not mend it.
    }
    return { ok: false, reason: "no-port" };
  }

  /** All of the ports or, with none left open, nothing; throws on a failure that another port would not mend. */
  #bindAll(address: RelayAddress, ports: RelayPorts, wanted: readonly number[]): readonly RelaySocket[] {
    const sockets: BatchRelaySocket[] = [];
    try {
      for (const port of wanted) {
        const relayedAddress = withPort(address.relayedIp, port);
        const socket = new BatchRelaySocket(this.#engine, relayedAddress, ports.take(port));
        if (!socket.bind(withPort(address.bindIp, port))) break;
        sockets.push(socket);
      }
      return sockets.length === wanted.length ? sockets : [];
    } finally {
      if (sockets.length < wanted.length) for (const socket of sockets) socket.close();
    }
  }
}

class BatchRelaySocket implements RelaySocket, OverSocket {
  readonly relayedAddress: TransportAddress;
  readonly #engine: BatchEngine;
  readonly #onClose: () => void;
  socket: BatchSocket | undefined;
  #receiver: RelayPacketReceiver | undefined;
  #icmpReceiver: IcmpReceiver | undefined;
  /** A relay socket mostly hears from one peer. */
  #lastSource: TransportAddress | undefined;

  constructor(engine: BatchEngine, relayedAddress: TransportAddress, onClose: () => void) {
    this.#engine = engine;
    this.relayedAddress = relayedAddress;
    this.#onClose = onClose;
  }

  /** False where somebody else has the port; throws the system's error for any other failure. Either way nothing is left. */
  bind(address: TransportAddress): boolean {
    try {
      const receiver: PacketReceiver = (slot, start, end) => this.#receive(slot, start, end);
      const onIcmp: IcmpReceiver = (error) => this.#icmpReceiver?.(error);
      this.socket = this.#engine.open(address, receiver, { isRelay: true, onIcmp });
      return true;
    } catch (error) {
      this.#onClose();
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
      throw error;
    }
  }

  destination(address: TransportAddress): RelayDestination {
    return { address };
  }

  send(
    { address }: RelayDestination,
    buffer: Uint8Array,
    start: number,
    end: number,
    dontFragment?: boolean,
  ): void {
    if (this.socket !== undefined && address.port !== 0)
      this.#engine.send(this.socket, address, buffer, start, end, dontFragment);
  }

  onPacket(receiver: RelayPacketReceiver): void {
    this.#receiver = receiver;
  }

  onIcmp(receiver: IcmpReceiver): void {
    this.#icmpReceiver = receiver;
  }

  close(): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.socket = undefined;
    this.#engine.closeSocket(socket);
    this.#onClose();
  }

  #receive(slot: number, start: number, end: number): void {
    const { arena } = this.#engine;
    const last = this.#lastSource;
    const isSame = last !== undefined && last.port === arena.sourcePort(slot) && arena.isFrom(slot, last);
    const source = isSame ? last : arena.readSource(slot);
    this.#lastSource = source;
    this.#receiver?.(source, arena.bytes, start, end);
  }
}
