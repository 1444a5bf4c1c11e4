/** `npm run bench:signaling`: round by round, each server in turn; then the medians. */

import { cpus, release, type } from "node:os";
import type { RunResult } from "./measure.ts";
import { measure } from "./measure.ts";
import { parseOptions, type SignalingBenchOptions, USAGE } from "./options.ts";
import { table } from "./report.ts";

const EXIT_USAGE = 64;

/** The exit code: 0 when every run was made. */
export async function main(args: readonly string[]): Promise<number> {
  let options: SignalingBenchOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  process.stdout.write(`${heading(options)}\n`);
  return run(options);
}

/** A round that one server fails is left out for all: ratios are made within rounds. */
async function run({ runs, servers, isJson, nodeFlags, ...plan }: SignalingBenchOptions): Promise<number> {
  const results = new Map<string, RunResult[]>(servers.map(({ name }) => [name, []]));
  let exitCode = 0;
  for (let round = 0; round < runs; round++) {
    try {
      const made: [string, RunResult][] = [];
      for (const server of servers) made.push([server.name, await measure(server, plan, nodeFlags)]);
      for (const [server, result] of made) {
        results.get(server)?.push(result);
        if (isJson) process.stdout.write(`${JSON.stringify({ server, ...result })}\n`);
      }
    } catch (error) {
      exitCode = 1;
      process.stderr.write(`${describe(error)}\n`);
    }
  }
  process.stdout.write(`${table(results)}\n`);
  return exitCode;
}

function heading({ runs, rooms, atOnce, servers, isQuick }: SignalingBenchOptions): string {
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim()}, ${type()} ${release()}, loopback, Node ${process.versions.node}`,
    servers.map(({ name, version }) => `${name} ${version}`).join(", "),
    `${rooms} rooms, ${atOnce} at a time; medians of ${runs} alternating run${runs === 1 ? "" : "s"}, in brackets the ratio to the bare relay${isQuick ? "; a smoke run: these figures mean nothing" : ""}`,
    "",
  ].join("\n");
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
