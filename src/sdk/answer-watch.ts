/** Finds a socket that is dead without having said so: an answer is owed, and nothing at all comes in. */

import type { Environment, TimerId } from "./environment.ts";

const SILENCE_MS = 10_000;

export class AnswerWatch {
  readonly #environment: Environment;
  readonly #silent: () => void;
  #timer: TimerId | undefined;

  constructor(environment: Environment, silent: () => void) {
    this.#environment = environment;
    this.#silent = silent;
  }

  /** A request went out. */
  expect(): void {
    this.#timer ??= this.#environment.setTimeout(() => {
      this.#timer = undefined;
      this.#silent();
    }, SILENCE_MS);
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
