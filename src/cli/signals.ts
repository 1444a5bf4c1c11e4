/** Waiting for the operator's word to end. */

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** What a shell says of a process that ended by SIGINT. */
const EXIT_CODE_INTERRUPTED = 130;

export interface UntilSignal {
  /** Resolves with the first SIGTERM or SIGINT; the next one ends the process at once. */
  readonly signal: Promise<void>;
  /** Signals are as they were before. */
  forget(): void;
}

export function untilSignal(): UntilSignal {
  let resolve: () => void;
  const signal = new Promise<void>((done) => {
    resolve = done;
  });
  let isFirst = true;
  function onSignal(): void {
    if (!isFirst) process.exit(EXIT_CODE_INTERRUPTED);
    isFirst = false;
    resolve();
  }
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal,
    forget() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
