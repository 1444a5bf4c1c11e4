/** Finds a socket that is dead without having said so: an answer is owed, and nothing at all comes in. */

import type { Environment, TimerId } from "./environment.ts";

const SILENCE_MS = 10_000;

export class AnswerWatch {
  readonly #environment: Environment;
  readonly #silent: () => void;
  #timer: TimerId | undefined;
  #dueAtMs = 0;

  constructor(environment: Environment, silent: () => void) {
    this.#environment = environment;
    this.#silent = silent;
  }

  /** A request went out. `withinMs`: less, when there is a reason to doubt the socket. */
  expect(withinMs = SILENCE_MS): void {
    const dueAtMs = this.#environment.now() + withinMs;
    if (this.#timer !== undefined && this.#dueAtMs <= dueAtMs) return;
    this.stop();
    this.#dueAtMs = dueAtMs;
    this.#timer = this.#environment.setTimeout(() => {
      this.#timer = undefined;
      this.#silent();
    }, withinMs);
  }

  /** Something came in. `owed`: there are requests that it does not answer. */
  heard(owed: boolean): void {
    if (this.#timer === undefined) return;
    this.stop();
    if (owed) this.expect();
  }

  stop(): void {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
