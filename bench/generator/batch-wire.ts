/**
 * The server's own engine as the clients' sockets, on one thread. It is never let sleep: a generator that must be woken up for every
 * packet costs the server that wakes it, and paces badly.
 */

import { BatchSocket, type PacketReceiver } from "../../src/net/udp-batch/batch-socket.ts";
import type { Libc } from "../../src/net/udp-batch/libc.ts";
import { Poll } from "../../src/net/udp-batch/poll.ts";
import { Rounds } from "../../src/net/udp-batch/rounds.ts";
import { MAX_ERRNO, SendErrors } from "../../src/net/udp-batch/send-errors.ts";
import { Sender } from "../../src/net/udp-batch/sender.ts";
import { type IpAddress, withPort } from "../../src/stun/address.ts";
import type { Receive, Wire, WireSocket } from "./wire.ts";

/** Of the kernel, for each socket. */
const BUFFER_BYTES = 8 * 1024 * 1024;
/** How many rounds before the event loop has its turn. */
const ROUNDS_PER_TURN = 32;

export class BatchWire implements Wire {
  readonly name = "batch";
  onTick: (nowMs: number) => void = () => undefined;
  readonly #libc: Libc;
  readonly #poll: Poll;
  readonly #sender: Sender;
  readonly #rounds: Rounds;
  readonly #sockets = new Set<BatchSocket>();
  #nextIndex = 0;
  #isOpen = true;
  #packets = 0;
  #workMs = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#sender = new Sender(libc, new SendErrors(new Float64Array(MAX_ERRNO)));
    this.#poll = new Poll(libc, this.#sender.arena);
    this.#rounds = new Rounds(libc, this.#poll.epoll, this.#sender, {
      begin: (nowMs) => this.onTick(nowMs),
      packet: (socket, slot, start, end) => socket.receiver(slot, start, end),
      icmp: () => undefined,
      failed(error) {
        throw error;
      },
    });
    setImmediate(this.#turn);
  }

  get workMs(): number {
    return this.#workMs;
  }

  async open(ip: IpAddress, receive: Receive): Promise<WireSocket> {
    const { arena } = this.#sender;
    const receiver: PacketReceiver = (slot, start, end) => {
      this.#packets++;
      receive(arena.bytes, start, end, arena.sourcePort(slot));
    };
    const socket = BatchSocket.bind(this.#libc, arena, withPort(ip, 0), receiver, {
      bufferBytes: BUFFER_BYTES,
    });
    // Clients are many machines: what they send does not come joined.
    socket.mayJoin = false;
    socket.index = this.#nextIndex++;
    this.#sockets.add(socket);
    this.#rounds.add(socket);
    this.#poll.add(socket.descriptor, socket.index);
    return {
      address: socket.address,
      send: (to, bytes) => {
        this.#packets++;
        this.#sender.push(socket, to, this.#sender.place(bytes, 0, bytes.length), bytes.length);
      },
      close: () => this.#close(socket),
    };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.onTick = () => undefined;
    for (const socket of [...this.#sockets]) this.#close(socket);
    this.#poll.close();
  }

  #close(socket: BatchSocket): void {
    if (!this.#sockets.delete(socket)) return;
    this.#sender.flush();
    this.#rounds.remove(socket);
    this.#libc.close(socket.descriptor);
  }

  readonly #turn = (): void => {
    for (let i = 0; i < ROUNDS_PER_TURN && this.#isOpen; i++) {
      const startedMs = performance.now();
      const packets = this.#packets;
      this.#rounds.round(0);
      if (this.#packets !== packets) this.#workMs += performance.now() - startedMs;
    }
    if (this.#isOpen) setImmediate(this.#turn);
  };
}
