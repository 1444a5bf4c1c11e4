/** How docs/configuration.md shows a setting, and what it shows. */

import type { Setting } from "../../src/config/setting.ts";

export interface SettingRow {
  readonly group: string;
  readonly key: string;
  readonly flag: string;
  readonly variable: string;
  readonly default: string;
  readonly about: string;
}

export function rowOf(setting: Setting): SettingRow {
  const { group, key, variable, about } = setting;
  return { group, key, flag: flagText(setting), variable, default: defaultText(setting), about };
}

/** A switch that is on by default has only its `--no-` flag; one that depends has both. */
function flagText({ flag, kind, default: value }: Setting): string {
  const no = flag.replace("--", "--no-");
  if (kind !== "switch" || value === false) return flag;
  return value === true ? no : `${flag}, ${no}`;
}

function defaultText({ defaultText, default: value }: Setting): string {
  if (defaultText !== undefined) return defaultText;
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "none";
  return String(value);
}

/** The rows of every table whose first column is headed "Key", under the heading that they stand under. */
export function readSettingRows(markdown: string): SettingRow[] {
  const rows: SettingRow[] = [];
  let group = "";
  let isSettings = false;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("#")) group = line.replace(/^#+ /, "");
    if (!line.startsWith("|")) isSettings = false;
    else if (line.startsWith("| Key ")) isSettings = true;
    else if (isSettings && !line.startsWith("|---")) rows.push(readRow(group, line));
  }
  return rows;
}

function readRow(group: string, line: string): SettingRow {
  const cells = line.split("|").slice(1, -1);
  const [key = "", flag = "", variable = "", value = "", about = ""] = cells.map((cell) =>
    cell.replaceAll("`", "").trim(),
  );
  return { group, key, flag, variable, default: value, about };
}
