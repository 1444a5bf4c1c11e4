/** What this side knows of its seat, to take it back after its socket was lost. */

import type { Resumption } from "./join-request.ts";

export class KeptPlace {
  #token: string | undefined;
  /** Of the server that has the seat. */
  #url: string;
  /** The newest message that was dealt with. */
  lastSeq: number;

  constructor(url: string, resume: Resumption | undefined) {
    this.#url = resume?.url ?? url;
    this.#token = resume?.resumeToken;
    this.lastSeq = resume?.lastSeq ?? 0;
  }

  get url(): string {
    return this.#url;
  }

  get resumption(): Resumption | undefined {
    const { lastSeq } = this;
    return this.#token === undefined ? undefined : { resumeToken: this.#token, lastSeq, url: this.#url };
  }

  /** The seat is this side's, for the first time or once more. */
  taken(url: string, resumeToken: string): void {
    this.#url = url;
    this.#token = resumeToken;
  }

  /** There is none any more. */
  forget(): void {
    this.#token = undefined;
    this.lastSeq = 0;
  }
}
