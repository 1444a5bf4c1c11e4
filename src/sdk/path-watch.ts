/** Looks every two seconds at how one connection runs, while it is connected. */

import type { Environment, TimerId } from "./environment.ts";
import { type Path, readPath } from "./path.ts";

const POLL_MS = 2000;
/** A pair is selected a moment before or after "connected". */
const FIRST_POLLS_MS = 250;

export class PathWatch {
  readonly #connection: RTCPeerConnection;
  readonly #environment: Environment;
  readonly #seen: (path: Path) => void;
  #timer: TimerId | undefined;
  #running = false;

  constructor(connection: RTCPeerConnection, environment: Environment, seen: (path: Path) => void) {
    this.#connection = connection;
    this.#environment = environment;
    this.#seen = seen;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#poll();
  }

  stop(): void {
    this.#running = false;
    this.#environment.clearTimeout(this.#timer);
  }

  async #poll(): Promise<void> {
    const path = await this.read();
    if (!this.#running) return;
    if (path !== undefined) this.#seen(path);
    const delayMs = path === undefined ? FIRST_POLLS_MS : POLL_MS;
    this.#environment.clearTimeout(this.#timer);
    this.#timer = this.#environment.setTimeout(() => void this.#poll(), delayMs);
  }

  /** Reads once. Undefined: no pair is selected, or the connection is closed. */
  async read(): Promise<Path | undefined> {
    try {
      return readPath(await this.#connection.getStats(), this.#connection.remoteDescription?.sdp);
    } catch {
      // A connection that was closed meanwhile has no stats.
      return undefined;
    }
  }
}
