/** What a thread waits for: an epoll descriptor, and an eventfd in it that ends a wait. Both outlive the thread. */

import type { Arena } from "./arena.ts";
import { EFD_NONBLOCK_CLOEXEC, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLET, EPOLLIN } from "./layout.ts";
import type { Libc } from "./libc.ts";
import { errorName } from "./send-errors.ts";

/** What the descriptor that ends a wait is registered with. */
export const WAKE = 0xffff_ffff;

export class Poll {
  readonly epoll: number;
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #wake: number;

  /** Throws where the process has no descriptors left. */
  constructor(libc: Libc, arena: Arena) {
    this.#libc = libc;
    this.#arena = arena;
    this.epoll = checked(libc, libc.epollCreate(EPOLL_CLOEXEC), "epoll_create1");
    this.#wake = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
    try {
      checked(libc, this.#wake, "eventfd");
      // By edges: nobody has to read it.
      this.#register(this.#wake, (EPOLLIN | EPOLLET) >>> 0, WAKE);
    } catch (error) {
      if (this.#wake >= 0) libc.close(this.#wake);
      libc.close(this.epoll);
      throw error;
    }
  }

  /** Events of the descriptor come with this index. Throws where the system refuses. */
  add(descriptor: number, index: number): void {
    this.#register(descriptor, EPOLLIN, index);
  }

  /** Ends a wait: the one that goes on, or else the next one. */
  wake(): void {
    this.#libc.write(this.#wake, this.#arena.one, 8);
  }

  close(): void {
    this.#libc.close(this.#wake);
    this.#libc.close(this.epoll);
  }

  #register(descriptor: number, events: number, data: number): void {
    const event = this.#arena.writeRegistration(events, data);
    checked(this.#libc, this.#libc.epollControl(this.epoll, EPOLL_CTL_ADD, descriptor, event), "epoll_ctl");
  }
}

function checked(libc: Libc, result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: ${errorName(libc.errno())}`);
  return result;
}
