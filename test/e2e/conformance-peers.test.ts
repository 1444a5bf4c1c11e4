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
  WAYS,
  type Way,
} from "../conformance-suite/page-servers.ts";
import type { JsonReport } from "../conformance-suite/report.ts";
import { run } from "./support/child-process.ts";
import { isMissing } from "./support/requirements.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/conformance.mjs", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8");

const [, EXPLANATIONS] = PAGE.split(/^## (?:Where coturn|Where node-turn) differs$/m);

/** The page's table: rule, section, then a column for each server and transport. */
const COLUMNS = ["turnpike udp", "turnpike tcp", "turnpike tls", "coturn udp", "coturn tcp", "coturn tls"];

describe.each(WAYS)("npm run conformance over $transport, clients on IPv$family", (way) => {
  test("finds that our server passes, as the page states", async () => {
    const { code, report } = await reportOn(startTurnpike, way);
    expect(failuresOf(report)).toEqual([]);
    expect(code).toBe(0);
    expect(report.transport).toBe(way.transport);
    expect(report.servers[0]).toMatch(way.family === 6 ? /^\[::1\]:/ : /^127\.0\.0\.1:/);
    expect(report.peers).toEqual(["127.0.0.2", "127.0.0.4", "::1"]);
    expect(verdictsOf(report)).toEqual(statedVerdicts("turnpike", way));
  });

  test.skipIf(isMissing("turnserver"))("finds in coturn what the page states and explains", async () => {
    const { code, report } = await reportOn(startCoturn, way);
    expect(code).toBe(1);
    const applicable = new Set(verdictsOf(report).map(([id]) => id));
    const explained = [...COTURN_DIFFERENCES.keys()].filter((id) => applicable.has(id));
    expect(failuresOf(report).sort()).toEqual(explained.sort());
    expect(verdictsOf(report)).toEqual(statedVerdicts("coturn", way));
    for (const id of explained) expect(EXPLANATIONS).toContain(`\`${id}\``);
  });
});

describe("npm run conformance", () => {
  test.each(WAYS)(
    "prints a table with every rule, and in its head the addresses and $transport",
    async (way) => {
      const { code, output } = await runSuiteOn(startTurnpike, way, []);
      const [first, second] =
        way.family === 4 ? ["127\\.0\\.0\\.1", "\\[::1\\]"] : ["\\[::1\\]", "127\\.0\\.0\\.1"];
      const head = `^server {2}${first}:\\d+ ${second}:\\d+ over ${way.transport.toUpperCase()}\\npeers {3}127`;
      expect(output).toMatch(new RegExp(head));
      for (const { id, rfc } of RULES) expect(output).toMatch(lineWith(id, rfc));
      expect(code).toBe(0);
    },
  );

  test("refuses a server that is not known to be the user's, and sends nothing", async () => {
    const { code, output } = await run([process.execPath, SCRIPT, "turn:192.0.2.1:3478", "--user=a:b"]);
    expect(code).toBe(2);
    expect(output).toContain("--yes-this-server-is-mine");
  });

  test("says in one line why there is no connection: nobody listens, or the certificate does not verify", async () => {
    const server = await startTurnpike();
    const tryAt = (...args: string[]) => run([process.execPath, SCRIPT, ...args, "--user=a:b"]);
    try {
      const uri = `turns:127.0.0.1:${server.tlsPort}`;
      const unverified = await tryAt(uri);
      expect([unverified.code, unverified.output.trim().split("\n").length]).toEqual([2, 1]);
      expect(unverified.output).toContain("(--ca FILE, or --insecure)");
      const misnamed = await tryAt(uri, `--ca=${server.certificateFile}`, "--servername=example.com");
      expect(misnamed.output).toContain("(--servername NAME)");
    } finally {
      await server.stop();
    }
    const refused = await tryAt(`turn:127.0.0.1:${server.port}?transport=tcp`);
    expect([refused.code, refused.output]).toEqual([
      2,
      expect.stringMatching(/^no connection to .*ECONNREFUSED.*\n$/),
    ]);
  });
});

async function reportOn(start: () => Promise<StartedServer>, way: Way) {
  const { code, output } = await runSuiteOn(start, way, ["--json"]);
  return { code, report: JSON.parse(output) as JsonReport };
}

async function runSuiteOn(start: () => Promise<StartedServer>, way: Way, flags: readonly string[]) {
  const server = await start();
  try {
    return await run([process.execPath, SCRIPT, ...suiteArguments(server, way), ...flags]);
  } finally {
    await server.stop();
  }
}

function failuresOf({ results }: JsonReport): string[] {
  return results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
}

/** Of the rules that apply. */
function verdictsOf({ results }: JsonReport): [id: string, rfc: string, verdict: string][] {
  return results.filter(({ verdict }) => verdict !== "n/a").map(({ id, rfc, verdict }) => [id, rfc, verdict]);
}

function statedVerdicts(server: "turnpike" | "coturn", { transport, family }: Way): string[][] {
  const column = COLUMNS.indexOf(`${server} ${transport}`);
  const rows = PAGE.split("\n").filter((line) => line.startsWith("| `"));
  return rows
    .map((row) => {
      const [rule = "", rfc = "", ...cells] = row.slice(2, -2).split(" | ");
      const cell = cells[column] ?? "";
      const ofFamily = new RegExp(`IPv${family} (\\S+?)(?:,|$)`).exec(cell)?.[1];
      return [rule.split("`")[1] ?? "", rfc, ofFamily ?? cell];
    })
    .filter(([, , verdict]) => verdict !== "n/a");
}

function lineWith(id: string, rfc: string): RegExp {
  const escaped = rfc.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^(pass|n/a) +${id} +${escaped} `, "m");
}
