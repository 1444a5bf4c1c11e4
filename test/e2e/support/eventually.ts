/** Waiting for a condition: the only kind of waiting that these tests do. */

import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 50;
export const WAIT_MS = 20_000;

/**
 * Asks `probe` again and again until `accept` says yes to its answer, and returns that answer.
 * Rejects after `withinMs` with the last answer in the message.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  accept: (answer: T) => boolean,
  withinMs = WAIT_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await probe();
    if (accept(answer)) return answer;
    if (performance.now() >= deadline) {
      throw new Error(`${what}: not within ${withinMs} ms; last seen: ${JSON.stringify(answer)}`);
    }
    await delay(POLL_MS);
  }
}
