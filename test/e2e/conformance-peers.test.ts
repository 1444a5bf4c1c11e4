/** `npm run conformance` against our server and Debian's coturn, and docs/conformance.md held against what it finds. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { RULES } from "../conformance/rules.ts";
import { COTURN_DIFFERENCES } from "../conformance-suite/coturn-differences.ts";
import {
  type StartedServer,
  startCoturn,
  startTurnpike,
  suiteArguments,
} from "../conformance-suite/page-servers.ts";
import type { JsonReport } from "../conformance-suite/report.ts";
import { run } from "./support/child-process.ts";
import { isMissing } from "./support/requirements.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/conformance.mjs", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8");

const [, EXPLANATIONS] = PAGE.split(/^## (?:Where coturn|Where node-turn) differs$/m);

/** Columns of the page's table: rule, section, ours, coturn, node-turn. */
const COLUMN = { turnpike: 2, coturn: 3 } as const;

describe("npm run conformance", () => {
  test("finds that our server passes, as the page states", async () => {
    const { code, report } = await reportOn(startTurnpike);
    expect(failuresOf(report)).toEqual([]);
    expect(code).toBe(0);
    expect(report.peers).toEqual(["127.0.0.2", "127.0.0.4", "::1"]);
    expect(verdictsOf(report)).toEqual(statedVerdicts("turnpike"));
  });

  test.skipIf(isMissing("turnserver"))("finds in coturn what the page states and explains", async () => {
    const { code, report } = await reportOn(startCoturn);
    expect(code).toBe(1);
    expect(failuresOf(report).sort()).toEqual([...COTURN_DIFFERENCES.keys()].sort());
    expect(verdictsOf(report)).toEqual(statedVerdicts("coturn"));
    for (const id of COTURN_DIFFERENCES.keys()) expect(EXPLANATIONS).toContain(`\`${id}\``);
  });

  test("prints a table with every rule, and the addresses in its head", async () => {
    const { code, output } = await runSuiteOn(startTurnpike, []);
    expect(output).toMatch(/^server {2}127\.0\.0\.1:\d+ \[::1\]:\d+ over UDP\npeers {3}127\.0\.0\.2 /);
    for (const { id, rfc } of RULES) expect(output).toMatch(lineWith(id, rfc));
    expect(code).toBe(0);
  });

  test("refuses a server that is not known to be the user's, and sends nothing", async () => {
    const { code, output } = await run([process.execPath, SCRIPT, "turn:192.0.2.1:3478", "--user=a:b"]);
    expect(code).toBe(2);
    expect(output).toContain("--yes-this-server-is-mine");
  });
});

async function reportOn(start: () => Promise<StartedServer>) {
  const { code, output } = await runSuiteOn(start, ["--json"]);
  return { code, report: JSON.parse(output) as JsonReport };
}

async function runSuiteOn(start: () => Promise<StartedServer>, flags: readonly string[]) {
  const server = await start();
  try {
    return await run([process.execPath, SCRIPT, ...suiteArguments(server), ...flags]);
  } finally {
    await server.stop();
  }
}

function failuresOf({ results }: JsonReport): string[] {
  return results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
}

/** Of the rules that apply. */
function verdictsOf({ results }: JsonReport): string[][] {
  return results.filter(({ verdict }) => verdict !== "n/a").map(({ id, rfc, verdict }) => [id, rfc, verdict]);
}

function statedVerdicts(server: keyof typeof COLUMN): string[][] {
  const rows = PAGE.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) => {
    const [rule = "", rfc = "", ...verdicts] = row.slice(2, -2).split(" | ");
    return [rule.split("`")[1] ?? "", rfc, verdicts[COLUMN[server] - 2] ?? ""];
  });
}

function lineWith(id: string, rfc: string): RegExp {
  const escaped = rfc.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^(pass|n/a) +${id} +${escaped} `, "m");
}
