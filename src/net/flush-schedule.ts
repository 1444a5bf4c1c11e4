/**
 * When links send what waits in them: all that one tick gave a link in one write, and answers that nobody waits for a little later, with
 * whatever goes that way first. A write costs more than the message in it.
 */

/** Shorter than anybody notices, longer than it takes a browser to find its next candidate. */
const SOON_MS = 20;

export interface Flushable {
  flush(): void;
}

export class FlushSchedule {
  readonly #now: Flushable[] = [];
  readonly #soon: Flushable[] = [];
  #timer: NodeJS.Timeout | undefined;

  atEndOfTick(link: Flushable): void {
    if (this.#now.push(link) === 1) process.nextTick(this.#flushNow);
  }

  soon(link: Flushable): void {
    this.#soon.push(link);
    this.#timer ??= setTimeout(this.#flushSoon, SOON_MS);
  }

  /** Nothing waits after this, and no timer runs. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#flushSoon();
    this.#flushNow();
  }

  readonly #flushNow = (): void => {
    flushAll(this.#now);
  };

  readonly #flushSoon = (): void => {
    this.#timer = undefined;
    flushAll(this.#soon);
  };
}

function flushAll(links: Flushable[]): void {
  for (const link of links) link.flush();
  links.length = 0;
}
