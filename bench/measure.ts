/** One run: a fresh server, and the generator against it. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "../test/e2e/support/child-process.ts";
import type { RunResult } from "./generator/result.ts";
import type { BenchOptions } from "./options.ts";
import { type RunningServer, type ServerKind, USER } from "./servers.ts";
import type { Workload } from "./workloads.ts";

/** Compiled by scripts/bench.mjs. */
const GENERATOR = fileURLToPath(new URL("dist/bench/generator/main.js", import.meta.url));
const SETUP_MS = 60_000;

/** Rejects when the server does not come up, or the generator cannot do what it should. */
export async function measure(
  kind: ServerKind,
  workload: Workload,
  options: BenchOptions,
): Promise<RunResult> {
  const server = await kind.start();
  try {
    return await generate(server, workload, { ...options, onlyIndications: kind.onlyIndications });
  } catch (error) {
    throw new Error(`${kind.name}, ${workload.title}: ${(error as Error).message}`, { cause: error });
  } finally {
    await server.stop();
  }
}

export type GeneratorTimes = Pick<BenchOptions, "secs" | "warm" | "settle"> & {
  readonly onlyIndications?: boolean;
};

/** The generator, once, against a server that runs. Rejects when it cannot do what it should. */
export async function generate(
  { port, tlsPort, pid }: Pick<RunningServer, "port" | "tlsPort" | "pid">,
  { mode, transport = "udp", allocs, size, pps }: Omit<Workload, "name" | "title" | "unit">,
  { secs, warm, settle, onlyIndications = false }: GeneratorTimes,
): Promise<RunResult> {
  const flags = { mode, transport, allocs, pps, secs, warm, settle, ...(size > 0 && { size }) };
  const { code, output } = await run(
    [
      ...[process.execPath, GENERATOR, "--server", `127.0.0.1:${transport === "tls" ? tlsPort : port}`],
      ...["--user", USER.name, "--pass", USER.password],
      ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
      ...(onlyIndications ? ["--indications"] : []),
      ...(existsSync(`/proc/${pid}/task`) ? ["--pid", String(pid)] : []),
    ],
    { withinMs: (secs + warm + settle) * 1000 + SETUP_MS },
  );
  if (code !== 0) throw new Error(`the generator failed\n${output}`);
  return JSON.parse(output) as RunResult;
}
