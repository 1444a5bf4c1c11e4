/** The command line of `npm run bench`. */

import { parseArgs } from "node:util";
import { OTHER_SERVERS, SERVERS, type ServerKind } from "./servers.ts";
import { GROWTH, QUICK, STREAM_WORKLOADS, WORKLOADS, type Workload } from "./workloads.ts";

export const USAGE = `Usage: npm run bench -- [options]

Runs this server with each of its UDP engines, node-turn, and coturn where it is installed, one after the other and round by round,
each in a process of its own and under the same load, and prints medians: CPU per packet, packets per second, latency, memory.

  --runs N         rounds (5)
  --secs S         measured seconds of each run (4), after --warm S (1)
  --tries N        a run during which others keep the machine busy is made again, up to N times in all (3)
  --only NAME      one of the workloads; may be repeated: ${WORKLOADS.map(({ name }) => name).join(" ")}
                   or, which are left out otherwise, ${STREAM_WORKLOADS.map(({ name }) => name).join(" ")}
  --server NAME    one of the servers; may be repeated: ${SERVERS.map(({ name }) => `"${name}"`).join(" ")}
                   or, which is left out otherwise, ${OTHER_SERVERS.map(({ name }) => `"${name}"`).join(" ")}
  --growth         1, 10, 100, 1,000 and 10,000 allocations in the place of the workloads
  --soak           this server alone, for --minutes M (10) at 70 % of what saturates it: its memory over time, and how long
                   joins take meanwhile and with the relay idle
  --quick          a smoke run of half a minute: its figures mean nothing
  --json           every single run, as JSON lines`;

export interface BenchOptions {
  readonly runs: number;
  readonly secs: number;
  readonly warm: number;
  /** Of each run, until one is undisturbed. */
  readonly tries: number;
  readonly settle: number;
  readonly workloads: readonly Workload[];
  readonly servers: readonly ServerKind[];
  /** Of the soak; undefined: there is none. */
  readonly soakMinutes: number | undefined;
  readonly isQuick: boolean;
  readonly isJson: boolean;
}

/** Undefined: the usage is wanted. Throws an Error that names what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string" },
      secs: { type: "string" },
      warm: { type: "string" },
      tries: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
      server: { type: "string", multiple: true, default: [] },
      growth: { type: "boolean", default: false },
      soak: { type: "boolean", default: false },
      minutes: { type: "string", default: "10" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const isQuick = values.quick;
  return {
    runs: number("runs", values.runs ?? (isQuick ? "1" : "5"), 1, 100),
    secs: number("secs", values.secs ?? (isQuick ? "0.5" : "4"), 0.1, 200),
    warm: number("warm", values.warm ?? (isQuick ? "0.2" : "1"), 0, 30),
    tries: number("tries", values.tries ?? (isQuick ? "1" : "3"), 1, 100),
    settle: isQuick ? 0 : 1,
    workloads: workloadsOf(values.only, values.growth ? GROWTH : isQuick ? QUICK : WORKLOADS),
    servers:
      values.server.length === 0 ? SERVERS : pick("server", values.server, [...SERVERS, ...OTHER_SERVERS]),
    soakMinutes: values.soak ? number("minutes", values.minutes, 0.1, 240) : undefined,
    isQuick,
    isJson: values.json,
  };
}

function workloadsOf(names: readonly string[], usual: readonly Workload[]): readonly Workload[] {
  return names.length === 0 ? usual : pick("only", names, [...usual, ...STREAM_WORKLOADS]);
}

function pick<T extends { readonly name: string }>(
  flag: string,
  names: readonly string[],
  all: readonly T[],
): readonly T[] {
  const unknown = names.filter((wanted) => !all.some(({ name }) => name === wanted));
  if (unknown.length > 0)
    throw new Error(`--${flag}: ${unknown.join(", ")} is none of ${all.map(({ name }) => name).join(", ")}`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function number(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text !== "" && value >= min && value <= max) return value;
  throw new Error(`--${flag}: a number from ${min} to ${max}, not "${text}"`);
}
