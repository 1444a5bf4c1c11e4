/** The command line: `turnpike [serve] | credentials | check-config`. */

import { CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { checkConfig } from "./check-config.ts";
import { credentials } from "./credentials.ts";
import { serve } from "./serve.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Runs one command with the arguments behind its name; resolves with the exit code. */
type Run = (args: readonly string[], terminal: Terminal) => number | Promise<number>;

const COMMANDS: ReadonlyMap<string, Run> = new Map<string, Run>([
  ["serve", serve],
  ["credentials", credentials],
  ["check-config", checkConfig],
]);

/** Without a command's name it is `serve`. Resolves with the exit code: 0, or 1 with the reasons on stderr. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const named = COMMANDS.get(args[0] ?? "");
  const run = named ?? serve;
  try {
    return await run(named === undefined ? args : args.slice(1), terminal);
  } catch (error) {
    // --help and --version end here, with 0.
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof ConfigError)) throw error;
    terminal.complain(error.message);
    return 1;
  }
}
