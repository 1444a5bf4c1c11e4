/** Waiting with a bound, for the orderly end. */

const POLL_INTERVAL_MS = 20;

/** Resolves with true as soon as the condition holds, with false after `boundMs`. Looks every `pollMs`. Leaves no timer. */
export function waitUntil(
  condition: () => boolean,
  boundMs: number,
  pollMs = POLL_INTERVAL_MS,
): Promise<boolean> {
  if (condition()) return Promise.resolve(true);
  return new Promise((resolve) => {
    function finish(met: boolean): void {
      clearInterval(poll);
      clearTimeout(bound);
      resolve(met);
    }
    function check(): void {
      if (condition()) finish(true);
    }
    const poll = setInterval(check, pollMs);
    const bound = setTimeout(() => finish(condition()), boundMs);
  });
}
