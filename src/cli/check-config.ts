/** `turnpike check-config`: would this configuration start? Opens no port. */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../config/config.ts";
import { createCommand, readCommandLine } from "./flags.ts";
import { loadFor } from "./load.ts";
import type { Terminal } from "./terminal.ts";

export function checkConfig(args: readonly string[], terminal: Terminal): number {
  const command = createCommand(
    "turnpike check-config",
    "Checks flags, environment and file as `serve` does; exit code 1 and every error, with its place.",
  );
  const config = loadFor(readCommandLine(command, args), terminal);
  const wrong = tlsProblem(config);
  if (wrong !== undefined) {
    terminal.complain(wrong);
    return 1;
  }
  terminal.print("The configuration is good.");
  return 0;
}

/** Why the certificate and its key cannot be used. */
function tlsProblem({ tls }: Config): string | undefined {
  if (tls === undefined) return undefined;
  try {
    createSecureContext({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) });
    return undefined;
  } catch (error) {
    return `tlsCert, tlsKey: ${error instanceof Error ? error.message : String(error)}`;
  }
}
