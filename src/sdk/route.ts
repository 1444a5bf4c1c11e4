/**
 * Which server the next socket is for. A server that goes away may name another one; until that one has let this side in, the two are
 * tried in turn, because a seat may still wait at the first.
 */

import { resolveUrl } from "./options.ts";

/** Of servers in a row that each name another one. */
const MAX_HOPS = 4;

export class Route {
  #url: string;
  #former: string | undefined;
  #hops = 0;

  constructor(url: string) {
    this.#url = url;
  }

  get url(): string {
    return this.#url;
  }

  /** Whether it is not settled yet which server it will be. */
  get isOpen(): boolean {
    return this.#former !== undefined;
  }

  /** Whether that is another server, and there were not too many. */
  mayTurnTo(url: string): boolean {
    const next = tryResolve(url, this.#url);
    return next !== undefined && next !== this.#url && this.#hops < MAX_HOPS;
  }

  /** From now on that one is tried first. */
  turnTo(url: string): void {
    this.#hops++;
    this.#former = this.#url;
    this.#url = tryResolve(url, this.#url) ?? this.#url;
  }

  /** No way in there: the other one is next, if there are two. */
  failed(): void {
    if (this.#former !== undefined) [this.#url, this.#former] = [this.#former, this.#url];
  }

  /** This side is in. */
  arrived(): void {
    this.#former = undefined;
    this.#hops = 0;
  }
}

function tryResolve(url: string, base: string): string | undefined {
  try {
    return resolveUrl(url, base);
  } catch {
    return undefined;
  }
}
