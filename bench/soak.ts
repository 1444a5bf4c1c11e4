/**
 * `npm run bench -- --soak`: one server of ours for minutes at a share of what saturates it. Does its memory grow, and how long does a join
 * take meanwhile, beside one with the relay idle? Every slice of a minute has allocations of its own, so that they come and go too.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { TurnpikeProcess } from "../test/e2e/support/turnpike-process.ts";
import type { RunResult } from "./generator/result.ts";
import { JoinLoad, type JoinTimes } from "./join-load.ts";
import { generate } from "./measure.ts";
import { startTurnpikeProcess } from "./servers.ts";
import { median } from "./summary.ts";

const SHARE = 0.7;
const STREAM = { mode: "both", allocs: 100, size: 172 } as const;
const DIRECTIONS = 2;
/** As good as nothing, and the generator asks for packets as busily as ever. */
const NEXT_TO_NOTHING = { mode: "both", allocs: 1, size: 172, pps: 1 } as const;
const SATURATION_SECS = 5;
const SLICE_SECS = 60;
const IDLE_SECS = 60;
const JOINS_PER_SECOND = 20;
const SAMPLE_MS = 2000;
const MIB = 1024 * 1024;

interface Memory {
  readonly resident: number;
  readonly heap: number;
}

export interface Slice {
  readonly joins: JoinTimes;
  readonly relay: RunResult;
  readonly memory: readonly Memory[];
}

/** The exit code. */
export async function soak(minutes: number, print: (line: string) => void): Promise<number> {
  const server = await startTurnpikeProcess("batch", 1);
  try {
    const target = { port: server.ports.turn, pid: server.process.pid };
    const joins = new JoinLoad(`ws://127.0.0.1:${server.ports.http}/signal`, JOINS_PER_SECOND);
    const around = { warm: 1, settle: 0 };
    const total = minutes * 60;
    const idleSecs = Math.min(IDLE_SECS, total);
    const idle = await joins.during(delay(idleSecs * 1000));
    print(`relay idle: ${joinLine(idle)}`);
    const beside = await joins.during(generate(target, NEXT_TO_NOTHING, { ...around, secs: idleSecs }));
    print(`relay idle, the generator asking for packets that do not come: ${joinLine(beside)}`);
    const full = await generate(target, { ...STREAM, pps: 0 }, { ...around, secs: SATURATION_SECS });
    const pps = Math.round((SHARE * full.unitsPerSecond) / STREAM.allocs / DIRECTIONS);
    print(
      `saturated by ${STREAM.allocs} allocations, ${STREAM.size} bytes: ${whole(full.unitsPerSecond)} packets/s, ` +
        `${full.serverShare.toFixed(2)} processors; ${SHARE * 100} % of it is ${pps} packets/s each way for each\n`,
    );
    print(
      "| minute | packets/s | loss % | CPUs | others | join p50 ms | join p99 ms | failed | resident MB | heap MB |",
    );
    print(
      "|-------:|----------:|-------:|-----:|-------:|------------:|------------:|-------:|------------:|--------:|",
    );
    const slices: Slice[] = [];
    for (let left = total; left > 0; left -= SLICE_SECS) {
      const load = generate(target, { ...STREAM, pps }, { ...around, secs: Math.min(SLICE_SECS, left) });
      const [joined, memory, relay] = await Promise.all([joins.during(load), watch(server, load), load]);
      slices.push({ joins: joined, relay, memory });
      print(sliceLine(slices.length, slices.at(-1) as Slice));
    }
    print(`\n${verdict(slices, idle, beside)}`);
    return 0;
  } finally {
    await server.stop();
  }
}

/** What the server's metrics say of its memory, over and over while the work goes on. */
async function watch(server: TurnpikeProcess, work: Promise<unknown>): Promise<Memory[]> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  work.then(end, end);
  const seen: Memory[] = [];
  while (!isOver) {
    const metrics = await server.metrics();
    seen.push({
      resident: metrics.total("process_resident_memory_bytes"),
      heap: metrics.total("nodejs_heap_size_used_bytes"),
    });
    await delay(SAMPLE_MS);
  }
  return seen;
}

/** The heap as low as it was: the rest is garbage. */
function sliceLine(minute: number, { joins, relay, memory }: Slice): string {
  const cells = [
    ...[
      String(minute),
      whole(relay.unitsPerSecond),
      relay.lossPercent.toFixed(3),
      relay.serverShare.toFixed(2),
    ],
    ...[relay.otherShare.toFixed(2), joins.p50Ms.toFixed(1), joins.p99Ms.toFixed(1), String(joins.failed)],
    ...[megabytes(residentOf(memory)), megabytes(Math.min(...memory.map(({ heap }) => heap)))],
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The first slice warms up: code is compiled, buffers come to their size. */
export function verdict(slices: readonly Slice[], idle: JoinTimes, beside: JoinTimes): string {
  const later = slices.slice(slices.length > 2 ? 1 : 0);
  const half = Math.ceil(later.length / 2);
  const resident = (part: readonly Slice[]) => median(part.map(({ memory }) => residentOf(memory)));
  const [early, late] = [resident(later.slice(0, half)), resident(later.slice(-half))];
  const p99Ms = median(slices.map(({ joins }) => joins.p99Ms));
  return [
    `resident memory, later half of the minutes to the earlier: ${megabytes(late)} to ${megabytes(early)} MB, ${(late / early).toFixed(2)}`,
    `p99 of a join, median of the minutes: ${p99Ms.toFixed(1)} ms, ${(p99Ms / idle.p99Ms).toFixed(1)} times that with the relay idle, ` +
      `${(p99Ms / beside.p99Ms).toFixed(1)} times that beside an idle relay and a busy generator`,
  ].join("\n");
}

function residentOf(memory: readonly Memory[]): number {
  return median(memory.map(({ resident }) => resident));
}

function joinLine({ joins, failed, p50Ms, p99Ms }: JoinTimes): string {
  return `${joins} joins, ${failed} failed, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

function megabytes(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
