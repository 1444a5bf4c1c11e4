/** `npm run named-packages`, without the build: dist is there for all of these tests. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { browserRow } from "../named-packages/browser-row.ts";
import { RELAY_ROWS } from "../named-packages/relay-rows.ts";
import type { Row } from "../named-packages/row.ts";
import { STUN_ROWS } from "../named-packages/stun-rows.ts";
import { run } from "./support/child-process.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/named-packages.mjs", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/named-packages.md", import.meta.url), "utf8");

const rows: readonly Row[] = [...RELAY_ROWS, browserRow(), ...STUN_ROWS];

describe("node-turn and stun", () => {
  test("show every fault that the page states, and ours is without it", async () => {
    const { code, output } = await run([process.execPath, SCRIPT], { withinMs: 110_000 });
    for (const row of rows) expect(output).toContain(sectionOf(row));
    expect(code, output).toBe(0);
  });

  test("docs/named-packages.md has every row and no other", () => {
    const tables = PAGE.split("\n").filter(
      (line) => line.startsWith("| ") && !line.startsWith("| Situation"),
    );
    const stated = rows.map(
      (row) => `| ${row.title} | ${row.expected} | ${row.stated} | ${statedOfOurs(row)} |`,
    );
    expect(tables).toEqual(stated);
  });
});

/** What the command prints of a row that came out as stated, or that cannot be shown here. */
function sectionOf(row: Row): string {
  if (row.hindrance !== undefined) return `  ${row.title}\n    not shown: ${row.hindrance}`;
  return [
    `  ${row.title}`,
    `    expected   ${row.expected}`,
    `    ${row.package.padEnd(9)}  ${row.stated}`,
    `    turnpike   ${statedOfOurs(row)}`,
    "    as stated",
  ].join("\n");
}

function statedOfOurs({ statedOfOurs, expected }: Row): string {
  return statedOfOurs ?? expected;
}
