/** What has arrived and was not taken yet, in order. */

import { NoAnswerError } from "./no-answer.ts";

export class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];
  readonly #name: string;
  readonly #patienceMs: number;

  constructor(name: string, patienceMs: number) {
    this.#name = name;
    this.#patienceMs = patienceMs;
  }

  /** What nobody has taken. */
  get pending(): readonly T[] {
    return this.#items;
  }

  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  /** The oldest item; rejects with NoAnswerError when none comes in time. */
  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => {
      const receive = (arrived: T) => {
        clearTimeout(timer);
        resolve(arrived);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(receive), 1);
        reject(new NoAnswerError(`${this.#name}: nothing came within ${this.#patienceMs} ms`));
      }, this.#patienceMs);
      this.#waiting.push(receive);
    });
  }

  /** Everything that has arrived, taken out. */
  drain(): T[] {
    return this.#items.splice(0);
  }
}
