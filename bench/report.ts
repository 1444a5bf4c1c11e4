/** The tables, as Markdown that reads well on a terminal. */

import { COTURN } from "./servers.ts";
import type { Summary } from "./summary.ts";
import type { Workload } from "./workloads.ts";

const NONE = "–";

interface Column {
  readonly title: string;
  cell(row: Summary, coturn: Summary | undefined): string;
}

const COMMON: readonly Column[] = [
  { title: "loss %", cell: ({ lossPercent }) => lossPercent.toFixed(lossPercent === 0 ? 0 : 3) },
  { title: "generator µs", cell: ({ generatorMicroseconds }) => generatorMicroseconds.toFixed(2) },
  { title: "notes", cell: notesOf },
];

export function table(workload: Workload, rows: readonly Summary[]): string {
  const columns = workload.mode === "hold" ? holdColumns() : loadColumns(workload.unit);
  const coturn = rows.find(({ server }) => server === COTURN);
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((column) => column.cell(row, coturn))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const [head, ...body] = lines.map(
    (line) => `| ${line.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join(" | ")} |`,
  );
  const rule = `|${widths.map((width, index) => (index === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [`### ${workload.title}`, "", head, rule, ...body, ""].join("\n");
}

function loadColumns(unit: string): readonly Column[] {
  return [
    { title: "server", cell: ({ server }) => server },
    { title: `CPU µs/${unit}`, cell: ({ cpuMicroseconds }) => fixed(cpuMicroseconds, 2) },
    {
      title: "÷ coturn",
      cell: (row, coturn) => ratio(row.cpuMicroseconds, coturn?.cpuMicroseconds),
    },
    { title: "CPUs", cell: ({ serverShare }) => fixed(serverShare, 2) },
    { title: `${unit}s/s`, cell: ({ unitsPerSecond }) => Math.round(unitsPerSecond).toLocaleString("en") },
    { title: "p50 ms", cell: ({ p50Ms }) => p50Ms.toFixed(3) },
    { title: "p99 ms", cell: ({ p99Ms }) => p99Ms.toFixed(3) },
    ...COMMON,
  ];
}

function holdColumns(): readonly Column[] {
  return [
    { title: "server", cell: ({ server }) => server },
    { title: "KB/allocation", cell: ({ kbPerAllocation }) => fixed(kbPerAllocation, 1) },
    { title: "÷ coturn", cell: (row, coturn) => ratio(row.kbPerAllocation, coturn?.kbPerAllocation) },
    { title: "KB after", cell: ({ kbAfter }) => fixed(kbAfter, 1) },
    { title: "failed %", cell: ({ lossPercent }) => lossPercent.toFixed(lossPercent === 0 ? 0 : 3) },
    {
      title: "notes",
      cell: ({ machineBusy, runs }) => (machineBusy > 0 ? `machine busy ${machineBusy}/${runs}` : ""),
    },
  ];
}

/** What makes a row worth less. */
function notesOf({ generatorBound, generatorLate, machineBusy, bad, runs, wire }: Summary): string {
  const notes: string[] = [];
  if (generatorBound > 0) notes.push(`generator bound ${generatorBound}/${runs}`);
  if (generatorLate > 0) notes.push(`generator late ${generatorLate}/${runs}`);
  if (machineBusy > 0) notes.push(`machine busy ${machineBusy}/${runs}`);
  if (bad > 0) notes.push(`${bad} wrong packets`);
  if (wire !== "batch") notes.push("generator over dgram");
  return notes.join(", ");
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined || base <= 0 ? NONE : (value / base).toFixed(2);
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? NONE : value.toFixed(digits);
}

function pad(cell: string, width: number, index: number): string {
  return index === 0 ? cell.padEnd(width) : cell.padStart(width);
}
