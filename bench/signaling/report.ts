/** The table, as Markdown that reads well on a terminal. */

import { median } from "../summary.ts";
import { BASELINE } from "./contenders.ts";
import type { RunResult } from "./measure.ts";

interface Column {
  readonly title: string;
  pick(run: RunResult): number;
  readonly digits: number;
  /** Shown beside the figure: how many times the baseline's. */
  readonly hasRatio: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: "CPU µs/join", pick: ({ perJoin }) => perJoin, digits: 0, hasRatio: true },
  { title: "µs/message", pick: ({ perMessage }) => perMessage, digits: 1, hasRatio: true },
  { title: "in bursts", pick: ({ perMessageInBursts }) => perMessageInBursts, digits: 1, hasRatio: true },
  { title: "KB held", pick: ({ heldKb }) => heldKb, digits: 1, hasRatio: true },
  { title: "KB resident", pick: ({ residentKb }) => residentKb, digits: 1, hasRatio: true },
  { title: "KB held after", pick: ({ heldKbAfter }) => heldKbAfter, digits: 1, hasRatio: true },
  { title: "join p99 ms", pick: ({ joinP99Ms }) => joinP99Ms, digits: 0, hasRatio: false },
  { title: "message p50 ms", pick: ({ messageP50Ms }) => messageP50Ms, digits: 1, hasRatio: false },
  { title: "p99 ms", pick: ({ messageP99Ms }) => messageP99Ms, digits: 1, hasRatio: false },
];

export function table(results: ReadonlyMap<string, readonly RunResult[]>): string {
  const baseline = results.get(BASELINE);
  const rows = [...results].filter(([, runs]) => runs.length > 0);
  const lines = [
    ["server", ...COLUMNS.map(({ title }) => title)],
    ...rows.map(([name, runs]) => [name, ...COLUMNS.map((column) => cell(column, runs, baseline))]),
  ];
  const widths =
    lines[0]?.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0))) ?? [];
  const [head, ...body] = lines.map(
    (line) => `| ${line.map((text, index) => pad(text, widths[index] ?? 0, index)).join(" | ")} |`,
  );
  const rule = `|${widths.map((width, index) => (index === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [head, rule, ...body, ""].join("\n");
}

/** The ratio is the median of the rounds' own: what slows a round down slows both. */
function cell(
  column: Column,
  runs: readonly RunResult[],
  baseline: readonly RunResult[] | undefined,
): string {
  const figure = median(runs.map(column.pick)).toFixed(column.digits);
  if (!column.hasRatio || baseline === undefined || baseline.length !== runs.length) return figure;
  const ratios = runs.map((run, round) => column.pick(run) / column.pick(baseline[round] as RunResult));
  return `${figure} (${median(ratios).toFixed(2)})`;
}

function pad(text: string, width: number, index: number): string {
  return index === 0 ? text.padEnd(width) : text.padStart(width);
}
