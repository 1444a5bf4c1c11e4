/** `turnpike check-config`: would this configuration start? Opens no port. */

import { createCommand, readCommandLine } from "./flags.ts";
import { loadFor } from "./load.ts";
import type { Terminal } from "./terminal.ts";
import { inspectTlsFiles } from "./tls-files.ts";

export function checkConfig(args: readonly string[], terminal: Terminal): number {
  const command = createCommand(
    terminal,
    "turnpike check-config",
    "Checks flags, environment and file as `serve` does; exit code 1 and every error, with its place.",
  );
  loadFor(readCommandLine(command, args), terminal, inspectTlsFiles);
  terminal.print("The configuration is good.");
  return 0;
}
