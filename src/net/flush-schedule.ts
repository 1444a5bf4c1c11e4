/**
 * When links send what waits in them: all that one tick gave a link in one write, and answers that nobody waits for a little later, with
 * whatever goes that way first. A write costs more than the message in it.
 */

/**
 * Soon is between one and two of these: shorter than anybody notices, and as a rule long enough for the next candidate to come from the
 * other side.
 */
const PERIOD_MS = 10;

export interface Flushable {
  /** The schedule's: the period in which the link was named last. */
  soonPeriod: number;
  flush(): void;
}

export class FlushSchedule {
  readonly #now: Flushable[] = [];
  /** Named in this period. */
  #soon: Flushable[] = [];
  /** Named in the one before. */
  #sooner: Flushable[] = [];
  #period = 0;
  #timer: NodeJS.Timeout | undefined;

  atEndOfTick(link: Flushable): void {
    if (this.#now.push(link) === 1) process.nextTick(this.#flushNow);
  }

  soon(link: Flushable): void {
    if (link.soonPeriod === this.#period) return;
    link.soonPeriod = this.#period;
    this.#soon.push(link);
    this.#timer ??= setTimeout(this.#endPeriod, PERIOD_MS);
  }

  /** Nothing waits after this, and no timer runs. */
  flush(): void {
    clearTimeout(this.#timer);
    for (const links of [this.#sooner, this.#soon, this.#now]) for (const link of links) link.flush();
    this.#sooner = [];
    this.#soon = [];
    this.#now.length = 0;
    this.#timer = undefined;
    this.#period++;
  }

  readonly #flushNow = (): void => {
    for (const link of this.#now) link.flush();
    this.#now.length = 0;
  };

  readonly #endPeriod = (): void => {
    const due = this.#sooner;
    // What was sent meanwhile and waits again was named again, and its time is later.
    for (const link of due) if (link.soonPeriod < this.#period) link.flush();
    this.#sooner = this.#soon;
    this.#soon = [];
    this.#period++;
    this.#timer = this.#sooner.length > 0 ? setTimeout(this.#endPeriod, PERIOD_MS) : undefined;
  };
}
