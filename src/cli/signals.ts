/** What the operator says by signals: SIGTERM and SIGINT to end, SIGUSR2 to drain, SIGHUP to read the configuration again. */

import { closeSync, openSync } from "node:fs";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** What a shell says of a process that ended by SIGINT. */
const EXIT_CODE_INTERRUPTED = 130;

export interface SignalActions {
  readonly onHangup: () => void;
  readonly onDrain: () => void;
}

export interface UntilSignal {
  /** Resolves with the first SIGTERM or SIGINT; the next one ends the process at once. */
  readonly signal: Promise<void>;
  /** Signals are as they were before. */
  forget(): void;
}

/**
 * `onDrain` is called for each SIGUSR2, `onHangup` for each SIGHUP: but where the server was started in a terminal and that is gone, the signal says so, and
 * ends the server as SIGTERM does.
 */
export function untilSignal(
  { onHangup, onDrain }: SignalActions,
  hasHungUp = hasLostItsTerminal,
): UntilSignal {
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
  function onSighup(): void {
    if (hasHungUp()) onSignal();
    else onHangup();
  }
  for (const name of SIGNALS) process.on(name, onSignal);
  process.on("SIGHUP", onSighup);
  process.on("SIGUSR2", onDrain);
  return {
    signal,
    forget() {
      for (const name of SIGNALS) process.off(name, onSignal);
      process.off("SIGHUP", onSighup);
      process.off("SIGUSR2", onDrain);
    },
  };
}

/** A terminal that has hung up cannot be opened any more. */
function hasLostItsTerminal(): boolean {
  if (process.stdin.isTTY !== true) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}
