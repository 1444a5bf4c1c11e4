/** Web pages that were refused, in the log: a line a minute at most, however many knock. */

import type { Logger } from "./logger.ts";

const INTERVAL_MS = 60_000;
/** An origin is a scheme, a name of at most 253 characters and a port; what is longer is none. */
const MAX_ORIGIN_LENGTH = 300;

/** What to call with the Origin of each refused page. */
export function createOriginLog(logger: Logger, now: () => number): (origin: string) => void {
  let nextLineAtMs = Number.NEGATIVE_INFINITY;
  let unmentioned = 0;
  return function originRefused(origin) {
    if (now() < nextLineAtMs) {
      unmentioned++;
      return;
    }
    const fields = { origin: origin.slice(0, MAX_ORIGIN_LENGTH), othersSinceLastLine: unmentioned };
    nextLineAtMs = now() + INTERVAL_MS;
    unmentioned = 0;
    logger.warn(fields, "a web page was refused: its origin is not in allowedOrigins");
  };
}
