/** `npm run bench`: every workload, round by round, each server in turn; then the medians. */

import { cpus, release, type } from "node:os";
import type { RunResult } from "./generator/result.ts";
import { measure } from "./measure.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { table } from "./report.ts";
import type { ServerKind } from "./servers.ts";
import { soak } from "./soak.ts";
import { leastDisturbed, summarise } from "./summary.ts";
import type { Workload } from "./workloads.ts";

const EXIT_USAGE = 64;

/** The exit code: 0 when every run was made. */
export async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (options.soakMinutes !== undefined) {
    process.stdout.write(`${machine()}\n\n`);
    return await soak(options.soakMinutes, (line) => void process.stdout.write(`${line}\n`));
  }
  const servers = await installed(options.servers);
  process.stdout.write(`${heading(options, servers)}\n`);
  let isComplete = true;
  for (const workload of options.workloads) {
    const able = [...servers.keys()].filter(
      ({ hasStreams }) => hasStreams || workload.transport === undefined,
    );
    isComplete = (await runWorkload(workload, able, options)) && isComplete;
  }
  return isComplete ? 0 : 1;
}

async function installed(kinds: readonly ServerKind[]): Promise<Map<ServerKind, string>> {
  const servers = new Map<ServerKind, string>();
  for (const kind of kinds) {
    const version = await kind.version();
    if (version === undefined) process.stderr.write(`${kind.name} is not installed: left out\n`);
    else servers.set(kind, version);
  }
  return servers;
}

/** False when a run failed; the others are shown all the same. */
async function runWorkload(
  workload: Workload,
  servers: readonly ServerKind[],
  options: BenchOptions,
): Promise<boolean> {
  const results = new Map<ServerKind, RunResult[]>(servers.map((server) => [server, []]));
  let isComplete = true;
  for (let round = 0; round < options.runs; round++) {
    for (const server of servers) {
      try {
        const result = await leastDisturbed(() => measure(server, workload, options), options.tries);
        results.get(server)?.push(result);
        if (options.isJson)
          process.stdout.write(
            `${JSON.stringify({ server: server.name, workload: workload.name, ...result })}\n`,
          );
      } catch (error) {
        isComplete = false;
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
  const rows = [...results].filter(([, runs]) => runs.length > 0);
  process.stdout.write(
    `${table(
      workload,
      rows.map(([{ name }, runs]) => summarise(name, runs)),
    )}\n`,
  );
  return isComplete;
}

function heading({ runs, secs, isQuick }: BenchOptions, servers: ReadonlyMap<ServerKind, string>): string {
  const versions = [...servers].map(([{ name }, version]) => `${name} (${version})`).join(", ");
  return [
    machine(),
    versions,
    `medians of ${runs} alternating run${runs === 1 ? "" : "s"} of ${secs} s${isQuick ? "; a smoke run: these figures mean nothing" : ""}`,
    "",
  ].join("\n");
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${type()} ${release()}, loopback`;
}
