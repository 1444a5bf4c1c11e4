/** What changes while the server runs: secrets and static users, and how much is logged. All else needs a restart. */

import { findChanges } from "./config/changes.ts";
import type { Config } from "./config/config.ts";
import { ConfigError } from "./config/config-error.ts";
import { parseConfig } from "./config/parse.ts";
import type { ConfigInput } from "./config/schema.ts";
import type { Logger } from "./observe/logger.ts";

/** What is left out stays as it is. */
export type CredentialChange = Pick<ConfigInput, "secrets" | "users">;

/** The configuration with other credentials. Throws `ConfigError`. */
export function withCredentials(config: Config, { secrets, users }: CredentialChange): Config {
  if (secrets?.length === 0)
    throw new ConfigError([{ path: "secrets", where: "secrets", message: "must hold at least one" }]);
  const parsed = parseConfig({ ...(secrets && { secrets }), ...(users && { users }) });
  return {
    ...config,
    ...(secrets && { secrets: parsed.secrets, secretIsRandom: false }),
    ...(users && { users: parsed.users }),
  };
}

/** The configuration with what of the new one can be taken over now; the log says what was, and what needs a restart. */
export function reloaded(before: Config, load: () => Config, logger: Logger): Config {
  const after = readAgain(load, logger);
  if (after === undefined) return before;
  const changes = findChanges(before, after);
  const { needRestart } = changes;
  const taken = changes.taken.filter((key) => key !== "secretIsRandom");
  if (needRestart.length === 0) logger.info({ taken }, "the configuration was read again");
  else logger.warn({ taken, needRestart }, "the configuration was read again; some of it needs a restart");
  return { ...before, ...Object.fromEntries(changes.taken.map((key) => [key, after[key]])) };
}

/** Undefined: it is wrong, and each error has been logged. */
function readAgain(load: () => Config, logger: Logger): Config | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { where, message } of error.issues)
      logger.error({ where, problem: message }, "the new configuration is wrong; the one before it stays");
    return undefined;
  }
}
