/** What strangers can cause, in the log: a line a minute at most, however often they do. */

import type { Logger } from "./logger.ts";

const INTERVAL_MS = 60_000;

/** What to call with the fields of each warning. */
export function createMinuteLog(
  logger: Logger,
  now: () => number,
  message: string,
): (fields: Readonly<Record<string, string>>) => void {
  let nextLineAtMs = Number.NEGATIVE_INFINITY;
  let unmentioned = 0;
  return function warn(fields) {
    if (now() < nextLineAtMs) {
      unmentioned++;
      return;
    }
    const line = { ...fields, othersSinceLastLine: unmentioned };
    nextLineAtMs = now() + INTERVAL_MS;
    unmentioned = 0;
    logger.warn(line, message);
  };
}
