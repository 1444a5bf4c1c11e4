/** What the tests ask of a browser: the same of Chromium and of Firefox. */

import { readFileSync } from "node:fs";

/** Put into every page before its own scripts: gives it `turnpikeTest`. */
export const IN_PAGE_SCRIPT = readFileSync(new URL("./in-page.js", import.meta.url), "utf8");

/** How long a browser may take for one thing. Firefox owes some answers for ever: the statistics of a closed connection. */
export const ANSWER_MS = 30_000;

export interface Tab {
  /** Resolves when the page is loaded. */
  open(url: string): Promise<void>;
  /** The value of a JavaScript expression in the page, as JSON carries it; a promise is awaited, `ANSWER_MS` at most. */
  evaluate<T>(expression: string): Promise<T>;
  /** Errors that the page did not catch, and what it wrote to the console as an error. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

export interface Browser {
  readonly name: "chromium" | "firefox";
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}
