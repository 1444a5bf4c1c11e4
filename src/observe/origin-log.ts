/** Web pages that were refused, in the log. */

import type { Logger } from "./logger.ts";
import { createMinuteLog } from "./minute-log.ts";

/** An origin is a scheme, a name of at most 253 characters and a port; what is longer is none. */
const MAX_ORIGIN_LENGTH = 300;

/** What to call with the Origin of each refused page. */
export function createOriginLog(logger: Logger, now: () => number): (origin: string) => void {
  const warn = createMinuteLog(logger, now, "a web page was refused: its origin is not in allowedOrigins");
  return function originRefused(origin) {
    warn({ origin: origin.slice(0, MAX_ORIGIN_LENGTH) });
  };
}
