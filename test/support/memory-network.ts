/** A network in memory: packets arrive before `send` returns, nothing is lost, and nothing is sent outside. */

import {
  formatTransportAddress,
  type IpAddress,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import type { Endpoint } from "./endpoint.ts";

type Receiver = (bytes: Uint8Array, from: TransportAddress) => void;

export interface MemoryEndpoint extends Endpoint {
  sendNow(to: TransportAddress, bytes: Uint8Array): void;
  closeNow(): void;
}

export class MemoryNetwork {
  readonly #receivers = new Map<string, Receiver>();
  #nextPort = 1024;
  /** Packets that were sent, also to where nobody listens. */
  packetCount = 0;

  get endpointCount(): number {
    return this.#receivers.size;
  }

  isFree(address: TransportAddress): boolean {
    return !this.#receivers.has(formatTransportAddress(address));
  }

  /** Throws where the address is taken; port 0 picks a free one. */
  open(ip: IpAddress, port = 0): MemoryEndpoint {
    const address = withPort(ip, port === 0 ? this.#nextPort++ : port);
    const name = formatTransportAddress(address);
    if (this.#receivers.has(name)) throw new Error(`${name} is taken`);
    this.#receivers.set(name, () => undefined);
    const sendNow = (to: TransportAddress, bytes: Uint8Array) => this.#deliver(address, to, bytes);
    const closeNow = () => void this.#receivers.delete(name);
    return {
      address,
      sendNow,
      closeNow,
      send: async (to, bytes) => sendNow(to, bytes),
      onPacket: (receiver) => void this.#receivers.set(name, receiver),
      close: async () => closeNow(),
    };
  }

  #deliver(from: TransportAddress, to: TransportAddress, bytes: Uint8Array): void {
    this.packetCount++;
    // A copy, as a kernel makes one: what the sender does to its buffer afterwards is not seen.
    this.#receivers.get(formatTransportAddress(to))?.(Uint8Array.from(bytes), from);
  }
}
