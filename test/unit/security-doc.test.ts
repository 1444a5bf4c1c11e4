import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RULES } from "../conformance/rules.ts";
import { HOSTILE_SUITE, LOOPBACK_SUITE } from "../hostile/rules.ts";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/security.md", root), "utf8");
const ruleIds = new Set([...RULES, ...HOSTILE_SUITE, ...LOOPBACK_SUITE].map(({ id }) => id));

interface Row {
  readonly threat: string;
  readonly tests: readonly string[];
}

/** The rows of all tables, without their heads. */
const rows: readonly Row[] = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.endsWith("| tests |"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, threat = "", , tests = ""]) => ({
    threat,
    tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  }));

test("there are threats on the page", () => {
  expect(rows.length).toBeGreaterThan(30);
});

test.each(rows)("$threat: is tested, and the tests are there", ({ tests }) => {
  expect(tests).not.toEqual([]);
  const missing = tests.filter((name) => !ruleIds.has(name) && !existsSync(new URL(name, root)));
  expect(missing).toEqual([]);
});
