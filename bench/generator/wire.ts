/** The sockets of the load generator: the batched engine where it can be had, `dgram` elsewhere. */

import type { IpAddress, TransportAddress } from "../../src/stun/address.ts";

/** The packet is bytes[start, end); it is gone when this returns. */
export type Receive = (bytes: Buffer, start: number, end: number, sourcePort: number) => void;

export interface WireSocket {
  readonly address: TransportAddress;
  /** `bytes` may be written again at once. */
  send(to: TransportAddress, bytes: Uint8Array): void;
  close(): void;
}

export interface Wire {
  /** What carries the packets, and why it is not the batched engine. */
  readonly name: string;
  /** Milliseconds that went by with packets so far; asking in vain whether there are any is left out. */
  readonly workMs: number;
  /** Called over and over, with `performance.now()`; sends what is due. */
  onTick: (nowMs: number) => void;
  open(ip: IpAddress, receive: Receive): Promise<WireSocket>;
  close(): Promise<void>;
}
