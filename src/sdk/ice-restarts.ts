/** Restarts ICE by itself when it failed: at once, then with growing pauses while it goes on failing. */

import { Backoff } from "./backoff.ts";
import type { Environment, TimerId } from "./environment.ts";

const BACKOFF = { firstMs: 2000, maxMs: 30_000 };

export class IceRestarts {
  readonly #connection: RTCPeerConnection;
  readonly #environment: Environment;
  readonly #backoff: Backoff;
  #timer: TimerId | undefined;
  #isFirst = true;
  #held = false;

  constructor(connection: RTCPeerConnection, environment: Environment) {
    this.#connection = connection;
    this.#environment = environment;
    this.#backoff = new Backoff(BACKOFF, environment.random);
  }

  /** Now, whatever the state. */
  restart(): void {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connection.restartIce();
  }

  /** The state of ICE changed. */
  stateChanged(state: RTCIceConnectionState): void {
    if (state === "connected" || state === "completed") this.#recovered();
    else if (state === "failed") this.#failed();
  }

  /** The other side cannot answer now: a restart would meet nobody. */
  hold(): void {
    this.#held = true;
    this.#environment.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Both sides can speak again: what is broken is restarted at once. */
  resume(): void {
    this.#held = false;
    const { iceConnectionState: state } = this.#connection;
    if (state === "failed" || state === "disconnected") this.restart();
  }

  close(): void {
    this.#held = true;
    this.#environment.clearTimeout(this.#timer);
  }

  #recovered(): void {
    this.#isFirst = true;
    this.#backoff.reset();
    this.#environment.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #failed(): void {
    if (this.#held || this.#timer !== undefined) return;
    const delayMs = this.#isFirst ? 0 : this.#backoff.next();
    this.#isFirst = false;
    this.#timer = this.#environment.setTimeout(() => this.restart(), delayMs);
  }
}
