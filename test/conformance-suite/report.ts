/** What `npm run conformance` prints. */

import { formatIp, formatTransportAddress } from "../../src/stun/address.ts";
import type { SuiteOptions } from "./options.ts";
import type { Places } from "./places.ts";
import type { Result, Verdict } from "./run-suite.ts";
import type { ServerTransport } from "./server-uri.ts";

const COLUMNS = ["", "rule", "section", "claim, and what was found"] as const;

export function countOf(results: readonly Result[], verdict: Verdict): number {
  return results.filter((result) => result.verdict === verdict).length;
}

export function reportTable(options: SuiteOptions, places: Places, results: readonly Result[]): string {
  const rows = results.map(({ rule, verdict, finding }) => [
    verdict,
    rule.id,
    rule.rfc,
    finding === "" ? rule.title : `${rule.title} -> ${finding}`,
  ]);
  const widths = COLUMNS.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < COLUMNS.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell))
      .join("  ");
  return [
    `server  ${options.servers.map(formatTransportAddress).join(" ")} over ${options.transport.toUpperCase()}`,
    `peers   ${peersOf(places).join(" ") || "none"}`,
    "",
    line(COLUMNS),
    ...rows.map(line),
    "",
    `${countOf(results, "pass")} passed, ${countOf(results, "fail")} failed, ${countOf(results, "n/a")} not applicable`,
  ].join("\n");
}

export interface JsonReport {
  readonly servers: readonly string[];
  readonly transport: ServerTransport;
  readonly peers: readonly string[];
  readonly results: readonly {
    readonly id: string;
    readonly title: string;
    readonly rfc: string;
    readonly verdict: Verdict;
    readonly finding: string;
  }[];
}

export function reportJson(options: SuiteOptions, places: Places, results: readonly Result[]): JsonReport {
  return {
    servers: options.servers.map(formatTransportAddress),
    transport: options.transport,
    peers: peersOf(places),
    results: results.map(({ rule: { id, title, rfc }, verdict, finding }) => ({
      id,
      title,
      rfc,
      verdict,
      finding,
    })),
  };
}

function peersOf({ peers }: Places): string[] {
  return peers.map(formatIp);
}
