/** `npm run bench -- --quick`, without the build: dist is there for all of these tests. No figure is held to anything. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { COTURN, SERVERS } from "../../bench/servers.ts";
import { QUICK, STREAM_WORKLOADS } from "../../bench/workloads.ts";
import { run } from "./support/child-process.ts";
import { isMissing } from "./support/requirements.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/bench.mjs", import.meta.url));
const LOSS_TITLES = ["loss %", "failed %"];

describe("the bench", () => {
  const expected = isMissing("turnserver") ? SERVERS.filter(({ name }) => name !== COTURN) : SERVERS;

  test("measures every server under every workload, and ours lose nothing", async () => {
    const { code, output } = await run([process.execPath, SCRIPT, "--quick"], { withinMs: 110_000 });
    expect(code, output).toBe(0);
    for (const { title } of QUICK) {
      const rows = rowsUnder(title, output);
      expect(rows.map(([server]) => server)).toEqual(["server", ...expected.map(({ name }) => name)]);
      const [head = [], ...measured] = rows;
      const loss = head.findIndex((cell) => LOSS_TITLES.includes(cell));
      // What others lose is theirs: coturn holds a 5-tuple for a second after its end, and a fast generator meets it again.
      const ours = measured.filter(([server = ""]) => server.startsWith("turnpike"));
      expect(ours.map((row) => row[loss])).toEqual(ours.map(() => "0"));
      expect(ours.length).toBeGreaterThan(0);
    }
  });

  test("measures clients over TCP and TLS, beside coturn where it is installed", async () => {
    const paced = STREAM_WORKLOADS.filter(({ pps }) => pps > 0);
    const only = paced.flatMap(({ name }) => ["--only", name]);
    const { code, output } = await run([process.execPath, SCRIPT, "--quick", ...only], { withinMs: 110_000 });
    expect(code, output).toBe(0);
    const able = expected.filter(({ hasStreams }) => hasStreams).map(({ name }) => name);
    for (const { title } of paced)
      expect(rowsUnder(title, output).map(([server]) => server)).toEqual(["server", ...able]);
  });

  test("soaks: finds what saturates the server, and has its memory and its joins minute by minute", async () => {
    const { code, output } = await run([process.execPath, SCRIPT, "--soak", "--minutes", "0.1"], {
      withinMs: 110_000,
    });
    expect(code, output).toBe(0);
    expect(output).toMatch(/^relay idle: \d+ joins, 0 failed/m);
    expect(output).toMatch(/^saturated by 100 allocations/m);
    expect(output).toMatch(/^\| 1 \| [\d,]+ \|/m);
    expect(output).toMatch(/^resident memory, later half/m);
    expect(output).toMatch(/^p99 of a join/m);
  });

  test("says what it does not understand, and ends with the code for that", async () => {
    const { code, output } = await run([process.execPath, SCRIPT, "--only", "nothing"]);
    expect(code).toBe(64);
    expect(output).toContain("--only: nothing is none of one,");
  });
});

/** The cells of the table under a heading. */
function rowsUnder(title: string, output: string): string[][] {
  const [, after = ""] = output.split(`### ${title}\n`);
  const [section = ""] = after.split("###");
  const lines = section.split("\n").filter((line) => line.startsWith("| "));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
