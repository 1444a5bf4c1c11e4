/** Configurations that must fail: what is told of them. */

import { ConfigError } from "../../src/config/config-error.ts";

/** The error's lines; a good configuration is a failure of the test. */
export function errorLines(load: () => unknown): string[] {
  let loaded: unknown;
  try {
    loaded = load();
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  throw new Error(`no ConfigError, but ${JSON.stringify(loaded)}`);
}
