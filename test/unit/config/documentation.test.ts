import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/schema.ts";
import { loadConfig } from "../../../src/config/sources.ts";
import { readSettingRows, rowOf } from "../../support/settings-table.ts";

const root = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const EXAMPLE = root("config.example.json");

function keysOf(object: Record<string, unknown>, above = ""): string[] {
  return Object.entries(object).flatMap(([key, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? keysOf(value as Record<string, unknown>, `${above}${key}.`)
      : [`${above}${key}`],
  );
}

describe("config.example.json", () => {
  const { config } = loadConfig({ flags: new Map(), environment: {}, configFile: EXAMPLE });

  test("is a good configuration that holds every setting, in the schema's order", () => {
    const example = JSON.parse(readFileSync(EXAMPLE, "utf8")) as Record<string, unknown>;
    expect(keysOf(example)).toEqual(SETTINGS.map(({ key }) => key));
    expect(config.tls).toBeDefined();
    expect(config.publicHost).toBeDefined();
  });

  test("has the default limits, for the defaults are what was thought through", () => {
    const defaults = loadConfig({ flags: new Map(), environment: {}, configFile: undefined }).config;
    expect(config.limits).toEqual(defaults.limits);
    expect(config.ttlSeconds).toBe(defaults.ttlSeconds);
  });

  test("opens nothing: no user, no network, no --dev", () => {
    expect(config).toMatchObject({ users: [], allowRelayTo: [], lan: false, dev: false });
  });
});

describe("docs/configuration.md", () => {
  const markdown = readFileSync(root("docs/configuration.md"), "utf8");

  test("has a row for every setting, as the schema has it, and no other", () => {
    expect(readSettingRows(markdown)).toEqual(SETTINGS.map(rowOf));
  });

  test("names only flags and variables that there are", () => {
    const ofSettings = SETTINGS.flatMap((setting) => [setting.flag, ...rowOf(setting).flag.split(", ")]);
    const flags = new Set([...ofSettings, "--config"]);
    const variables = new Set([...SETTINGS.map(({ variable }) => variable), "TURNPIKE_CONFIG"]);
    const named = (pattern: RegExp) => [...markdown.matchAll(pattern)].map(([word]) => word);
    expect(named(/(?<![\w-])--[a-z][a-z-]*/g).filter((flag) => !flags.has(flag))).toEqual([]);
    expect(named(/\bTURNPIKE_[A-Z_]+/g).filter((name) => !variables.has(name))).toEqual([]);
  });
});
