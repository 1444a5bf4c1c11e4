/** A UDP socket as tests see one: real (`udp-endpoint.ts`) or in memory (`memory-network.ts`). */

import type { TransportAddress } from "../../src/stun/address.ts";

export interface Endpoint {
  readonly address: TransportAddress;
  /** Resolves when the packet is on its way: what is sent next arrives after it. */
  send(to: TransportAddress, bytes: Uint8Array): Promise<void>;
  onPacket(receiver: (bytes: Uint8Array, from: TransportAddress) => void): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A way to one server and back; a stream transport frames what it sends. */
export interface PacketTransport {
  readonly local: TransportAddress;
  send(bytes: Uint8Array): Promise<void>;
  /** Of a stream transport: sends these bytes as they are, a frame or not. */
  readonly sendBytes?: (bytes: Uint8Array) => Promise<void>;
  onPacket(receiver: (bytes: Uint8Array) => void): void;
  close(): Promise<void>;
}

/** Datagrams between this endpoint and one server; those from elsewhere are passed over. */
export function transportTo(server: TransportAddress, endpoint: Endpoint): PacketTransport {
  return {
    local: endpoint.address,
    send: (bytes) => endpoint.send(server, bytes),
    onPacket: (receiver) => endpoint.onPacket((bytes) => receiver(bytes)),
    close: () => endpoint.close(),
  };
}
