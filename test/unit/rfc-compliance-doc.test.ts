import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/rfc-compliance.md", root), "utf8");

interface Row {
  readonly what: string;
  readonly status: string;
  readonly files: readonly string[];
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The rows of all tables, without their heads. */
const rows: readonly Row[] = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.endsWith("| tests |"))
  .map(cellsOf)
  .map(([section = "", what = "", status = "", tests = ""]) => ({
    what: `${section} ${what}`,
    status,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file),
  }));

test("the page has a table for STUN, for TURN, for TCP allocations, for NAT discovery, for mobility, and for the others", () => {
  expect(page.match(/^\|---/gm)).toHaveLength(6);
  expect(rows.length).toBeGreaterThan(0);
});

test.each(rows)("$what: $status", ({ status, files }) => {
  expect(status).toMatch(/^(yes|part|no)\b/);
  // What is done is tested somewhere.
  if (!status.startsWith("no")) expect(files).not.toEqual([]);
  for (const file of files) expect(existsSync(new URL(file, root)), file).toBe(true);
});
