/** `npm run conformance:page`: measures three servers and writes docs/conformance.md. */

import { writeFileSync } from "node:fs";
import { RULES } from "../conformance/rules.ts";
import { run } from "../e2e/support/child-process.ts";
import { installedVersion } from "../named-packages/installed.ts";
import { type Measurement, pageOf, problemsOf, type Run } from "./page.ts";
import {
  FAMILIES,
  nodeTurnSubject,
  remoteSubject,
  type StartedServer,
  startCoturn,
  startTurnpike,
  WAYS,
} from "./page-servers.ts";
import { runSuite } from "./run-suite.ts";

const PAGE = new URL("../../docs/conformance.md", import.meta.url);
const PATIENCE_MS = 1500;

/** The exit code: 1, and nothing written, where a difference has no explanation. */
export async function main(): Promise<number> {
  const measurement = await measure();
  const problems = problemsOf(measurement);
  if (problems.length > 0) {
    process.stderr.write(`${problems.join("\n")}\n`);
    return 1;
  }
  writeFileSync(PAGE, pageOf(measurement));
  return 0;
}

async function measure(): Promise<Measurement> {
  return {
    turnpike: { name: "Turnpike", runs: await measureStarted(startTurnpike) },
    coturn: { name: `coturn ${await coturnVersion()}`, runs: await measureStarted(startCoturn) },
    nodeTurn: { name: `node-turn ${installedVersion("node-turn")}`, runs: await measureNodeTurn() },
  };
}

async function measureStarted(start: () => Promise<StartedServer>): Promise<readonly Run[]> {
  const server = await start();
  try {
    const runs: Run[] = [];
    for (const way of WAYS)
      runs.push({ ...way, results: await runSuite(await remoteSubject(server, way, PATIENCE_MS), RULES) });
    return runs;
  } finally {
    await server.stop();
  }
}

/** It knows UDP only. */
async function measureNodeTurn(): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (const family of FAMILIES)
    runs.push({ transport: "udp", family, results: await runSuite(await nodeTurnSubject(family), RULES) });
  return runs;
}

async function coturnVersion(): Promise<string> {
  const { output } = await run(["turnserver", "--version"]);
  return /[0-9]+(\.[0-9]+)+/.exec(output)?.[0] ?? "of unknown version";
}
