/** Flags over environment over file: one input, and for each value the place where it was written. */

import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { closestTo } from "./closest.ts";
import type { Config } from "./config.ts";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { formatPath, parseConfig } from "./parse.ts";
import { type ConfigInput, SETTINGS } from "./schema.ts";
import type { Setting } from "./setting.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Sources {
  /** Values from the command line by setting key. */
  readonly flags: ReadonlyMap<string, unknown>;
  readonly environment: Environment;
  /** `--config`; the variable `TURNPIKE_CONFIG` is looked at when it is undefined. */
  readonly configFile: string | undefined;
  /** What the command line has found wrong by itself. */
  readonly issues?: readonly ConfigIssue[];
  /** Looks at what the settings name, whatever else is wrong with them: the files of TLS. */
  readonly inspect?: Inspect | undefined;
}

/** What is wrong outside of the settings' own text. */
export type Inspect = (
  input: ConfigInput,
  locate: (path: readonly PropertyKey[]) => string,
) => readonly ConfigIssue[];

export interface LoadedConfig {
  readonly config: Config;
  /** Variables that begin as ours do and are no setting. No error: orchestrators make such names by themselves. */
  readonly unknownVariables: readonly string[];
}

const FILE_PATH_KEYS: ReadonlySet<string> = new Set(["tlsCert", "tlsKey"]);
const CONFIG_VARIABLE = "TURNPIKE_CONFIG";

/** Throws `ConfigError` with everything that is wrong in any of the sources. */
export function loadConfig(sources: Sources): LoadedConfig {
  const issues: ConfigIssue[] = [...(sources.issues ?? [])];
  const input: Record<string, unknown> = {};
  const places = new Map<string, string>();
  const configFile = sources.configFile ?? (sources.environment[CONFIG_VARIABLE] || undefined);
  if (configFile !== undefined) issues.push(...readFile(configFile, input));

  for (const setting of SETTINGS) {
    const variable = sources.environment[setting.variable];
    if (variable !== undefined && variable !== "") {
      put(input, setting, readVariable(setting, variable));
      places.set(setting.key, setting.variable);
    }
    const flag = sources.flags.get(setting.key);
    if (flag !== undefined) {
      put(input, setting, flag);
      places.set(setting.key, setting.flag);
    }
  }

  const locate = (path: readonly PropertyKey[]) => placeOf(path, places, configFile);
  issues.push(...(sources.inspect?.(input, locate) ?? []));
  return {
    config: parseTogether(input, locate, issues),
    unknownVariables: findUnknownVariables(sources.environment),
  };
}

/** The configuration, or every issue: those found before it and its own. */
function parseTogether(
  input: ConfigInput,
  locate: (path: readonly PropertyKey[]) => string,
  issues: readonly ConfigIssue[],
): Config {
  try {
    const config = parseConfig(input, locate);
    if (issues.length === 0) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError([...issues, ...error.issues]);
  }
  throw new ConfigError(issues);
}

/** Text from a flag or a variable as the kind of value that the setting is; what does not fit is left for the schema to refuse. */
export function readText(setting: Setting, text: string): unknown {
  if (setting.kind === "number") return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text;
  if (setting.kind === "switch") return new Map(Object.entries(SWITCH_WORDS)).get(text.toLowerCase()) ?? text;
  return text;
}

const SWITCH_WORDS = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** Lists are separated by commas; secrets and passwords, which may hold commas, by line breaks. */
function readVariable(setting: Setting, text: string): unknown {
  if (setting.kind !== "list") return readText(setting, text);
  const parts = text.split(setting.secret ? /\r?\n/ : ",");
  return parts.map((part) => (setting.secret ? part : part.trim())).filter((part) => part !== "");
}

function put(input: Record<string, unknown>, setting: Setting, value: unknown): void {
  const [first, second] = setting.path;
  if (first === undefined) return;
  if (second === undefined) {
    input[first] = value;
    return;
  }
  // The file's own limits stay, unless they are no object: then the schema says so.
  const inner = input[first] ?? {};
  if (isObject(inner)) input[first] = { ...inner, [second]: value };
}

/** Puts what the file says into `input`. */
function readFile(file: string, input: Record<string, unknown>): ConfigIssue[] {
  const issue = (message: string): ConfigIssue[] => [{ path: "config", where: file || "--config", message }];
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return issue(`cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  }
  const content = parseJson(text.replace(/^\uFEFF/, ""));
  if (!content.ok) return issue(`is no JSON${content.at}`);
  if (!isObject(content.value)) return issue("must hold a JSON object");
  const folder = dirname(resolve(file));
  for (const [key, value] of Object.entries(content.value)) {
    const isPath = FILE_PATH_KEYS.has(key) && typeof value === "string" && value !== "";
    Object.defineProperty(input, key, {
      value: isPath ? resolve(folder, value) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return [];
}

/** The parser's own message quotes the text, which may hold secrets: only the place is kept of it. */
function parseJson(text: string): { ok: true; value: unknown } | { ok: false; at: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const [, position] = /at position ([0-9]+)/.exec(String(error)) ?? [];
    if (position === undefined) return { ok: false, at: "" };
    const before = text.slice(0, Number(position)).split("\n");
    return { ok: false, at: ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})` };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function placeOf(
  path: readonly PropertyKey[],
  places: ReadonlyMap<string, string>,
  configFile: string | undefined,
): string {
  const setting = SETTINGS.find((one) => one.path.every((step, index) => step === path[index]));
  const place = setting && places.get(setting.key);
  if (place !== undefined) return place;
  if (configFile !== undefined) return `${basename(configFile)}: ${formatPath(path)}`;
  return setting?.flag ?? formatPath(path);
}

function findUnknownVariables(environment: Environment): string[] {
  const known = [CONFIG_VARIABLE, ...SETTINGS.map(({ variable }) => variable)];
  return Object.keys(environment)
    .filter((name) => name.startsWith("TURNPIKE_") && !known.includes(name))
    .filter((name) => closestTo(name, known) !== undefined)
    .sort();
}
