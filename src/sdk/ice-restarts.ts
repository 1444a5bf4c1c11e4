/**
 * Restarts ICE by itself. When it failed: at once, then with growing pauses while it goes on failing. When it is
 * disconnected, which may pass: after a moment, for a browser takes up to half a minute to call it failed.
 */

import { Backoff } from "./backoff.ts";
import type { Environment, TimerId } from "./environment.ts";

const DISCONNECTED_MS = 5000;
const BACKOFF = { firstMs: 2000, maxMs: 30_000 };

export class IceRestarts {
  readonly #connection: RTCPeerConnection;
  readonly #environment: Environment;
  readonly #backoff: Backoff;
  #timer: TimerId | undefined;
  #isFirst = true;
  #held = false;
  /** What the timer waits for. */
  #waitsToRecover = false;

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
    else if (state === "disconnected") this.#disconnected();
  }

  /** Fresh iceServers came: what failed, perhaps for want of them, is tried at once. A path that works is left alone. */
  serversRenewed(): void {
    if (!this.#held && this.#connection.iceConnectionState === "failed") this.restart();
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
    if (this.#held) return;
    if (this.#timer !== undefined && !this.#waitsToRecover) return;
    const delayMs = this.#isFirst ? 0 : this.#backoff.next();
    this.#isFirst = false;
    this.#waitsToRecover = false;
    this.#restartIn(delayMs);
  }

  #disconnected(): void {
    if (this.#held || this.#timer !== undefined) return;
    this.#waitsToRecover = true;
    this.#restartIn(DISCONNECTED_MS);
  }

  #restartIn(delayMs: number): void {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = this.#environment.setTimeout(() => this.restart(), delayMs);
  }
}
