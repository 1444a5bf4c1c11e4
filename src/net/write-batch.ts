/** What is written while the process reads one batch of packets is held back until all of it is there. */

export interface TurnEnd {
  /** Everything that was readable has been read. */
  endTurn(): void;
}

export class WriteBatch {
  #waiting = new Set<TurnEnd>();

  /** Tells it once, when everything that is readable now has been read; more calls until then do nothing. */
  add(writer: TurnEnd): void {
    if (this.#waiting.size === 0) setImmediate(() => this.#end());
    this.#waiting.add(writer);
  }

  #end(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const writer of waiting) writer.endTurn();
  }
}
