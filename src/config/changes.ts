/** What a configuration that was read again says otherwise. */

import type { Config } from "./config.ts";

export interface ConfigChanges {
  /** Keys that can be taken over while the server runs. */
  readonly taken: readonly (keyof Config)[];
  /** Keys of everything else: "httpPort", "limits.maxRooms". */
  readonly needRestart: readonly string[];
}

const AT_RUN_TIME = [
  "secrets",
  "secretIsRandom",
  "users",
  "logLevel",
] as const satisfies readonly (keyof Config)[];

export function findChanges(before: Config, after: Config): ConfigChanges {
  // Made at random each time that the configuration is read: the one of this run is as good.
  const staysRandom = before.secretIsRandom && after.secretIsRandom;
  const taken = AT_RUN_TIME.filter(
    (key) => !isSame(before[key], after[key]) && !(key === "secrets" && staysRandom),
  );
  const [old, young] = [settingsOf(before), settingsOf(after)];
  const needRestart = [...old.keys()].filter((key) => !isSame(old.get(key), young.get(key)));
  return { taken, needRestart };
}

/** All but those of AT_RUN_TIME, as they are called; limits one by one. */
function settingsOf({ limits, tls, hostsAreDefault: _, ...rest }: Config): Map<string, unknown> {
  const isFixed = ([key]: [string, unknown]) => !AT_RUN_TIME.some((one) => one === key);
  return new Map<string, unknown>([
    ...Object.entries(rest).filter(isFixed),
    ["tlsPort", tls?.port],
    ["tlsCert", tls?.certFile],
    ["tlsKey", tls?.keyFile],
    ...Object.entries(limits).map(([key, value]): [string, unknown] => [`limits.${key}`, value]),
  ]);
}

/** Settings are plain values, lists and objects that are made in one way. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
