import { type Inspect, type LoadedConfig, loadConfig } from "../config/sources.ts";
import type { CommandLine } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** The configuration of a command. Throws `ConfigError`; warns of variables that look like settings and are none. */
export function loadFor(
  commandLine: CommandLine,
  terminal: Terminal,
  inspect?: Inspect,
): LoadedConfig["config"] {
  const { config, unknownVariables } = loadConfig({
    flags: commandLine.settings,
    environment: terminal.environment,
    configFile: commandLine.configFile,
    issues: commandLine.issues,
    inspect,
  });
  for (const name of unknownVariables) terminal.complain(`${name} is no setting, and is ignored`);
  return config;
}
