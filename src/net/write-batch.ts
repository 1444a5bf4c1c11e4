/** Frames that are written while the process reads one batch of packets leave each socket in one system call. */

import type { Socket } from "node:net";

export class WriteBatch {
  #corked = new Set<Socket>();

  /** Corks the socket until everything that is readable now has been read; more calls until then do nothing. */
  cork(socket: Socket): void {
    if (this.#corked.has(socket)) return;
    if (this.#corked.size === 0) setImmediate(() => this.#flush());
    this.#corked.add(socket);
    socket.cork();
  }

  #flush(): void {
    const corked = this.#corked;
    this.#corked = new Set();
    for (const socket of corked) socket.uncork();
  }
}
