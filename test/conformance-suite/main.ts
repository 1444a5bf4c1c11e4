/** `npm run conformance`. */

import { RULES } from "../conformance/rules.ts";
import { parseOptions, type SuiteOptions, USAGE } from "./options.ts";
import { findPlaces, PeerAddressError } from "./places.ts";
import { RemoteServer } from "./remote-target.ts";
import { countOf, reportJson, reportTable } from "./report.ts";
import { resolveNames } from "./resolve-names.ts";
import { runSuite } from "./run-suite.ts";
import { ServerConnectionError } from "./server-connection-error.ts";

const PATIENCE_MS = 1500;

/** The exit code: 0 when nothing failed, 1 when a rule did, 2 when the command line is wrong or there is no connection. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const named = await resolveNames(args);
  if ("error" in named) return refuse([named.error, "", USAGE]);
  const parsed = parseOptions(named.args, Math.floor(Date.now() / 1000));
  if (!parsed.ok) return refuse([...parsed.errors, "", USAGE]);
  try {
    return await hold(parsed.options, parsed.json);
  } catch (error) {
    if (error instanceof PeerAddressError || error instanceof ServerConnectionError)
      return refuse([error.message]);
    throw error;
  }
}

async function hold(options: SuiteOptions, json: boolean): Promise<number> {
  const places = await findPlaces(options);
  const server = new RemoteServer(options, places, PATIENCE_MS);
  await server.assertReachable();
  const results = await runSuite(server, RULES);
  const report = json
    ? JSON.stringify(reportJson(options, places, results), undefined, 2)
    : reportTable(options, places, results);
  process.stdout.write(`${report}\n`);
  return countOf(results, "fail") === 0 ? 0 : 1;
}

function refuse(lines: readonly string[]): number {
  process.stderr.write(`${lines.join("\n")}\n`);
  return 2;
}
