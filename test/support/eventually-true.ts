/** Waits for what comes in its own time. */

import { NoAnswerError } from "./no-answer.ts";

const PATIENCE_MS = 3000;
const INTERVAL_MS = 10;

/** Rejects with NoAnswerError when it is not so in time. */
export async function eventuallyTrue(what: string, isSo: () => boolean): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > until) throw new NoAnswerError(`${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
