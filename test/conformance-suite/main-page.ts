/** `npm run conformance:page`: measures three servers and writes docs/conformance.md. */

import { writeFileSync } from "node:fs";
import { RULES } from "../conformance/rules.ts";
import { run } from "../e2e/support/child-process.ts";
import { installedVersion } from "../named-packages/installed.ts";
import { type Measurement, pageOf, problemsOf } from "./page.ts";
import {
  nodeTurnSubject,
  remoteSubject,
  type StartedServer,
  startCoturn,
  startTurnpike,
} from "./page-servers.ts";
import { type Result, runSuite } from "./run-suite.ts";

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
    turnpike: { name: "Turnpike", results: await measureStarted(startTurnpike) },
    coturn: { name: `coturn ${await coturnVersion()}`, results: await measureStarted(startCoturn) },
    nodeTurn: {
      name: `node-turn ${installedVersion("node-turn")}`,
      results: await runSuite(await nodeTurnSubject(), RULES),
    },
  };
}

async function measureStarted(start: () => Promise<StartedServer>): Promise<readonly Result[]> {
  const server = await start();
  try {
    return await runSuite(await remoteSubject(server.port, PATIENCE_MS), RULES);
  } finally {
    await server.stop();
  }
}

async function coturnVersion(): Promise<string> {
  const { output } = await run(["turnserver", "--version"]);
  return /[0-9]+(\.[0-9]+)+/.exec(output)?.[0] ?? "of unknown version";
}
