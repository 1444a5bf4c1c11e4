/** What one thread sends: packets lie in its arena until they leave, many per system call. */

import type { TransportAddress } from "../../stun/address.ts";
import { Arena } from "./arena.ts";
import type { BatchSocket } from "./batch-socket.ts";
import type { Libc } from "./libc.ts";
import type { SendErrors } from "./send-errors.ts";
import { SendQueue } from "./send-queue.ts";

export class Sender {
  readonly arena: Arena;
  readonly #queue: SendQueue;

  constructor(libc: Libc, errors: SendErrors) {
    this.arena = new Arena(libc);
    this.#queue = new SendQueue(libc, this.arena, errors);
  }

  /** Where data[start, end) lies in the arena, with a few bytes before it that may be written; for `push`, at once. */
  place(data: Uint8Array, start: number, end: number): number {
    if (!this.#queue.hasRoom) this.flush();
    const at = this.arena.place(data, start, end);
    if (at !== undefined) return at;
    this.flush();
    const again = this.arena.place(data, start, end);
    if (again === undefined) throw new RangeError(`no packet has ${end - start} bytes`);
    return again;
  }

  /** Sends arena[at, at + length) with the next `flush`. */
  push(socket: BatchSocket, to: TransportAddress, at: number, length: number, dontFragment = false): void {
    if (!this.#queue.hasRoom) this.flush();
    this.#queue.push(socket, to, at, length, dontFragment);
  }

  /** Sends arena[at, at + length) to whoever sent the packet of a slot, with the next `flush`. */
  pushBack(socket: BatchSocket, receivedSlot: number, at: number, length: number): void {
    if (!this.#queue.hasRoom) this.flush();
    this.#queue.pushBack(socket, receivedSlot, at, length);
  }

  /** Hands everything to the system. */
  flush(): void {
    this.#queue.flush();
  }
}
