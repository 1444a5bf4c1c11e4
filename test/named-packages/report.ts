/** The findings as text. */

import { installedVersion } from "./installed.ts";
import type { Finding, Row } from "./row.ts";

const PACKAGES: readonly Row["package"][] = ["node-turn", "stun"];

/** Findings by package, each with what was expected and what was seen. */
export function report(findings: readonly Finding[]): string {
  const parts = PACKAGES.map((name) => {
    const own = findings.filter(({ row }) => row.package === name);
    return [`${name} ${installedVersion(name)}`, ...own.map(describeFinding)].join("\n\n");
  });
  return [...parts, summary(findings)].join("\n\n");
}

function describeFinding({ row, theirs, ours, verdict }: Finding): string {
  if (verdict === "not shown") return `  ${row.title}\n    not shown: ${row.hindrance}`;
  const name = row.package.padEnd(9);
  const lines = [
    `  ${row.title}`,
    `    expected   ${row.expected}`,
    `    ${name}  ${theirs}`,
    `    turnpike   ${ours}`,
  ];
  return [...lines, `    ${verdict === "other than stated" ? statedOf(row) : verdict}`].join("\n");
}

function statedOf({ package: name, stated, statedOfOurs, expected }: Row): string {
  return `other than stated: ${name} "${stated}", turnpike "${statedOfOurs ?? expected}"`;
}

function summary(findings: readonly Finding[]): string {
  const count = (wanted: Finding["verdict"]) => findings.filter(({ verdict }) => verdict === wanted);
  const lines = [`${count("as stated").length} of ${findings.length} as docs/named-packages.md states them.`];
  for (const { row } of count("reconsider"))
    lines.push(`reconsider ${row.package}: it passes "${row.title}".`);
  for (const { row } of count("other than stated")) lines.push(`other than stated: "${row.title}".`);
  for (const { row } of count("not shown")) lines.push(`not shown: "${row.title}".`);
  return lines.join("\n");
}
