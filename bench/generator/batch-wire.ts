/**
 * The server's own engine as the clients' sockets. It is never let sleep: a generator that must be woken up for every packet costs
 * the server that wakes it, and paces badly.
 */

import { BatchEngine } from "../../src/net/udp-batch/engine.ts";
import type { Libc } from "../../src/net/udp-batch/libc.ts";
import { type IpAddress, withPort } from "../../src/stun/address.ts";
import type { Receive, Wire, WireSocket } from "./wire.ts";

/** Of the kernel, for each socket. */
const BUFFER_BYTES = 8 * 1024 * 1024;
/** How often the engine is asked before the event loop has its turn. */
const ASKS_PER_TURN = 32;

export class BatchWire implements Wire {
  readonly name = "batch";
  onTick: (nowMs: number) => void = () => undefined;
  readonly #engine: BatchEngine;
  /** Where the engine goes on; undefined while the event loop has that. */
  #goOn: (() => void) | undefined;
  #isOpen = true;
  #packets = 0;
  #packetsBefore = 0;
  #roundStartMs = performance.now();
  #workMs = 0;

  constructor(libc: Libc) {
    const neverSleeping: Libc = {
      ...libc,
      epollWait: (epoll, events, count, timeoutMs) => {
        this.#beginRound();
        return libc.epollWait(epoll as number, events as number, count as number, timeoutMs as number);
      },
      epollWaitLater: (_epoll, _events, _count, _timeoutMs, done) => {
        this.#goOn = done;
      },
      usleep: () => 0,
    };
    this.#engine = new BatchEngine(neverSleeping, (error) => {
      throw error;
    });
    setImmediate(this.#turn);
  }

  get workMs(): number {
    return this.#workMs;
  }

  async open(ip: IpAddress, receive: Receive): Promise<WireSocket> {
    const { arena } = this.#engine;
    const socket = this.#engine.open(
      withPort(ip, 0),
      (slot, start, end) => {
        this.#packets++;
        receive(arena.bytes, start, end, arena.sourcePort(slot));
      },
      { bufferBytes: BUFFER_BYTES },
    );
    // Clients are many machines: what they send does not come joined.
    socket.mayJoin = false;
    return {
      address: socket.address,
      send: (to, bytes) => {
        this.#packets++;
        this.#engine.send(socket, to, bytes, 0, bytes.length);
      },
      close: () => this.#engine.closeSocket(socket),
    };
  }

  close(): Promise<void> {
    this.#isOpen = false;
    this.onTick = () => undefined;
    const closed = this.#engine.close();
    this.#goOn?.();
    return closed;
  }

  readonly #turn = (): void => {
    for (let i = 0; i < ASKS_PER_TURN && this.#isOpen; i++) {
      const goOn = this.#goOn;
      if (goOn === undefined) break;
      this.#goOn = undefined;
      goOn();
    }
    if (this.#isOpen) setImmediate(this.#turn);
  };

  #beginRound(): void {
    const nowMs = performance.now();
    if (this.#packets !== this.#packetsBefore) {
      this.#workMs += nowMs - this.#roundStartMs;
      this.#packetsBefore = this.#packets;
    }
    this.#roundStartMs = nowMs;
    this.onTick(nowMs);
  }
}
