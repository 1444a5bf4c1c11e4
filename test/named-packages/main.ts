/** Looks at every row, one after the other, and prints what was found. */

import { browserRow } from "./browser-row.ts";
import { RELAY_ROWS } from "./relay-rows.ts";
import { report } from "./report.ts";
import { examine, type Finding } from "./row.ts";
import { STUN_ROWS } from "./stun-rows.ts";

/** True when nothing was found that docs/named-packages.md does not state. */
export async function main(): Promise<boolean> {
  const findings: Finding[] = [];
  for (const row of [...RELAY_ROWS, browserRow(), ...STUN_ROWS]) findings.push(await examine(row));
  process.stdout.write(`${report(findings)}\n`);
  return findings.every(({ verdict }) => verdict === "as stated" || verdict === "not shown");
}
