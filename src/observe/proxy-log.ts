/** Trusted proxies that are not understood, in the log. */

import type { Logger } from "./logger.ts";
import { createMinuteLog } from "./minute-log.ts";

/** What to call with the address of each trusted proxy whose PROXY header could not be read. */
export function createProxyLog(logger: Logger, now: () => number): (proxy: string) => void {
  const warn = createMinuteLog(
    logger,
    now,
    "a connection was closed: the PROXY header of a trusted proxy could not be read",
  );
  return function proxyHeaderRefused(proxy) {
    warn({ proxy });
  };
}
