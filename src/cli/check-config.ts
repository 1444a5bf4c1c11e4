/** `turnpike check-config`: would this configuration start? Opens no port. */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../config/config.ts";
import { createCommand, readCommandLine } from "./flags.ts";
import { loadFor } from "./load.ts";
import type { Terminal } from "./terminal.ts";

export function checkConfig(args: readonly string[], terminal: Terminal): number {
  const command = createCommand(
    terminal,
    "turnpike check-config",
    "Checks flags, environment and file as `serve` does; exit code 1 and every error, with its place.",
  );
  const config = loadFor(readCommandLine(command, args), terminal);
  const wrong = tlsProblems(config);
  for (const line of wrong) terminal.complain(line);
  if (wrong.length > 0) return 1;
  terminal.print("The configuration is good.");
  return 0;
}

/** Why the certificate and its key cannot be used. */
function tlsProblems({ tls }: Config): string[] {
  if (tls === undefined) return [];
  const cert = readOrReason(tls.certFile);
  const key = readOrReason(tls.keyFile);
  const unread = [
    ...(typeof cert === "string" ? [`tlsCert: ${cert}`] : []),
    ...(typeof key === "string" ? [`tlsKey: ${key}`] : []),
  ];
  if (unread.length > 0) return unread;
  try {
    createSecureContext({ cert, key });
    return [];
  } catch (error) {
    return [`tlsCert, tlsKey: ${reasonOf(error)}`];
  }
}

/** The file's bytes, or why it cannot be read. */
function readOrReason(file: string): Buffer | string {
  try {
    return readFileSync(file);
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
