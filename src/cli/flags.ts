/** A flag for every setting, and the reading of a command line that finds all that is wrong with it. */

import { Command, Option } from "commander";
import type { ConfigIssue } from "../config/config-error.ts";
import { SETTINGS } from "../config/schema.ts";
import type { Setting } from "../config/setting.ts";
import { readText } from "../config/sources.ts";
import { findStrangers } from "./strangers.ts";
import type { Terminal } from "./terminal.ts";

export interface CommandLine {
  /** Values by setting key, as the schema takes them. */
  readonly settings: ReadonlyMap<string, unknown>;
  /** Flags of this command alone, by long name. */
  readonly own: ReadonlyMap<string, string>;
  readonly configFile: string | undefined;
  readonly issues: readonly ConfigIssue[];
}

/** A flag of one command, with a value: `--name`. */
export interface OwnFlag {
  readonly flag: string;
  readonly value: string;
  readonly about: string;
}

/** A command that takes every setting. Values are optional for commander, so that all that lack one can be told at once. */
export function createCommand(
  terminal: Terminal,
  name: string,
  about: string,
  ownFlags: readonly OwnFlag[] = [],
): Command {
  const command = new Command(name)
    .description(about)
    .allowUnknownOption()
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.print(text.trimEnd()) })
    .helpOption("-h, --help", "this help")
    .configureHelp({
      helpWidth: 110,
      optionTerm: ({ flags }) => flags.replace("[", "<").replace("]", ">"),
    });
  for (const { flag, value, about: text } of ownFlags)
    command.addOption(new Option(`${flag} [${value}]`, text));
  command.addOption(new Option("--config [file]", "JSON file with settings (flags and environment win)"));
  for (const setting of SETTINGS) addSetting(command, setting);
  return command;
}

/** Reads the arguments behind the command's name. */
export function readCommandLine(
  command: Command,
  args: readonly string[],
  ownFlags: readonly OwnFlag[] = [],
): CommandLine {
  const issues: ConfigIssue[] = [];
  tellRepeated(command, issues);
  command.parse(args, { from: "user" });
  const values = command.opts<Record<string, unknown>>();
  const takeValue = (flag: string): unknown => {
    const value = new Map(Object.entries(values)).get(attributeOf(flag));
    if (value !== true) return value;
    issues.push({ path: flag, where: flag, message: "needs a value" });
    return undefined;
  };
  const settings = new Map<string, unknown>();
  for (const setting of SETTINGS) {
    const value =
      setting.kind === "switch"
        ? values[attributeOf(setting.flag)]
        : readFlag(setting, takeValue(setting.flag));
    if (value !== undefined) settings.set(setting.key, value);
  }
  const own = new Map<string, string>();
  for (const { flag } of ownFlags) {
    const value = takeValue(flag);
    if (typeof value === "string") own.set(flag, value);
  }
  const configFile = takeValue("--config");
  const known = command.options.map(({ long }) => long ?? "");
  issues.push(...findStrangers(args, command.args, known));
  return { settings, own, configFile: typeof configFile === "string" ? configFile : undefined, issues };
}

/** A flag that takes one value and has been given several: none of them is surely meant. */
function tellRepeated(command: Command, issues: ConfigIssue[]): void {
  for (const option of command.options) {
    const flag = option.long;
    if (flag == null || option.variadic || !option.optional) continue;
    let count = 0;
    command.on(`option:${option.name()}`, () => {
      count++;
      if (count === 2) issues.push({ path: flag, where: flag, message: "is given more than once" });
    });
  }
}

function addSetting(command: Command, setting: Setting): void {
  const { flag, value, kind, about } = setting;
  const text = `${about}${defaultNote(setting)}`;
  const add = (flags: string, note: string) =>
    command.addOption(new Option(flags, note).helpGroup(`${setting.group}:`));
  if (kind !== "switch") {
    add(kind === "list" ? `${flag} [${value}...]` : `${flag} [${value}]`, text);
    return;
  }
  if (setting.default !== true) add(flag, text);
  if (setting.default !== false) {
    const no = flag.replace("--", "--no-");
    // Alone, a --no- flag would make commander's default true: what was not given stays undefined here.
    command.addOption(new Option(no, setting.aboutWithout).default(undefined).helpGroup(`${setting.group}:`));
    command.setOptionValue(attributeOf(flag), undefined);
  }
}

function defaultNote({ defaultText, default: value }: Setting): string {
  if (defaultText !== undefined) return ` (default: ${defaultText})`;
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return "";
  return ` (default: ${String(value)})`;
}

/** A list's values may also stand in one word, separated by commas; those of secrets not. */
function readFlag(setting: Setting, value: unknown): unknown {
  if (typeof value === "string") return readText(setting, value);
  if (!Array.isArray(value) || setting.secret) return value;
  return value.flatMap((part) => String(part).split(","));
}

/** "--http-port" as commander names it. */
function attributeOf(flag: string): string {
  return new Option(flag).attributeName();
}
