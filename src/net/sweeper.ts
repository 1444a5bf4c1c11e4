/** The one timer that makes time pass for the hub and the relay: nothing in them has a timer of its own. */

const SWEEP_INTERVAL_MS = 1000;

export interface Sweeper {
  /** Idempotent. */
  close(): void;
}

/** Runs every sweep once a second. A sweep that throws is told to `failed`; the others still run. */
export function startSweeper(sweeps: readonly (() => void)[], failed: (error: unknown) => void): Sweeper {
  function sweepAll(): void {
    for (const sweep of sweeps) {
      try {
        sweep();
      } catch (error) {
        failed(error);
      }
    }
  }
  const timer = setInterval(sweepAll, SWEEP_INTERVAL_MS);
  return {
    close() {
      clearInterval(timer);
    },
  };
}
