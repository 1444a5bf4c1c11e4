/** docs/conformance.md, made of what was measured. */

import { BROKEN_BY_NODE_TURN } from "../conformance/node-turn-breaks.ts";
import { COTURN_DIFFERENCES, type Difference } from "./coturn-differences.ts";
import { countOf } from "./report.ts";
import type { Result } from "./run-suite.ts";

export interface Measured {
  /** "coturn 4.6.1" */
  readonly name: string;
  readonly results: readonly Result[];
}

export interface Measurement {
  readonly turnpike: Measured;
  readonly coturn: Measured;
  readonly nodeTurn: Measured;
}

/** The row of a rule in the page's table. */
export function tableRow(result: Result, ...verdicts: readonly string[]): string {
  const { id, title, rfc } = result.rule;
  return `| \`${id}\`: ${title} | ${rfc} | ${verdicts.join(" | ")} |`;
}

/** Why the page cannot be written: explanations that are missing, or of nothing. */
export function problemsOf({ turnpike, coturn, nodeTurn }: Measurement): readonly string[] {
  const problems = failuresOf(turnpike).map(({ rule, finding }) => `Turnpike fails ${rule.id}: ${finding}`);
  const differing = new Set(failuresOf(coturn).map(({ rule }) => rule.id));
  for (const { rule, finding } of failuresOf(coturn)) {
    if (!COTURN_DIFFERENCES.has(rule.id)) problems.push(`coturn fails ${rule.id}, unexplained: ${finding}`);
  }
  for (const id of COTURN_DIFFERENCES.keys()) {
    if (!differing.has(id)) problems.push(`coturn passes ${id}, which is explained as a difference`);
  }
  for (const { rule, finding } of failuresOf(nodeTurn)) {
    if (!BROKEN_BY_NODE_TURN.has(rule.id))
      problems.push(`node-turn fails ${rule.id}, unexplained: ${finding}`);
  }
  return problems;
}

export function pageOf(measurement: Measurement): string {
  const { turnpike, coturn, nodeTurn } = measurement;
  const servers = [turnpike, coturn, nodeTurn];
  const applicable = turnpike.results.map((_, index) => servers.map(({ results }) => results[index]));
  const rows = applicable.flatMap(([first, ...others]) =>
    first === undefined || first.verdict === "n/a"
      ? []
      : [tableRow(first, first.verdict, ...others.map((other) => other?.verdict ?? ""))],
  );
  const counts = servers.map(
    ({ name, results }) =>
      `- ${name}: ${countOf(results, "pass")} passed, ${countOf(results, "fail")} failed`,
  );
  return `${[
    INTRODUCTION,
    "## Side by side",
    counts.join("\n"),
    `| Rule | Section | ${servers.map(({ name }) => name).join(" | ")} |\n|---|---|---|---|---|\n${rows.join("\n")}`,
    "## Where coturn differs",
    "As measured, each with the sentence that decides.",
    "### An RFC says otherwise",
    differencesOf(coturn, "breaks"),
    "### The RFCs leave it open, and the rule asks more",
    differencesOf(coturn, "open"),
    "## Where node-turn differs",
    nodeTurnList(nodeTurn),
    "## Not held against any of them",
    "These rules need what a server that is asked from outside does not offer; over memory and sockets they are held against ours.",
    notApplicable(turnpike),
  ].join("\n\n")}\n`;
}

function differencesOf(coturn: Measured, kind: Difference["kind"]): string {
  const differing = failuresOf(coturn).filter(({ rule }) => COTURN_DIFFERENCES.get(rule.id)?.kind === kind);
  return grouped(differing, ({ rule }) => explanationOf(COTURN_DIFFERENCES.get(rule.id)));
}

function explanationOf(difference: Difference | undefined): string {
  if (difference === undefined) return "";
  const { does, sentence, section } = difference;
  return `coturn ${does}.\n  *${sentence}* (${section})`;
}

function nodeTurnList(nodeTurn: Measured): string {
  return grouped(failuresOf(nodeTurn), ({ rule }) => BROKEN_BY_NODE_TURN.get(rule.id) ?? "");
}

function notApplicable({ results }: Measured): string {
  return grouped(
    results.filter(({ verdict }) => verdict === "n/a"),
    ({ finding }) => finding,
  );
}

/** One line for every reason, with the rules that it is the reason of. */
function grouped(results: readonly Result[], reasonOf: (result: Result) => string): string {
  const groups = new Map<string, string[]>();
  for (const result of results) {
    const reason = reasonOf(result);
    groups.set(reason, [...(groups.get(reason) ?? []), `\`${result.rule.id}\``]);
  }
  return [...groups].map(([reason, ids]) => `- ${reason}: ${ids.join(", ")}`).join("\n");
}

function failuresOf({ results }: Measured): readonly Result[] {
  return results.filter(({ verdict }) => verdict === "fail");
}

const INTRODUCTION = `# Conformance

<!-- Written by \`npm run conformance:page\`: run that, do not edit. -->

One set of rules (\`test/conformance/rules\`) says what a TURN server does, each rule with its RFC section. \`npm test\` holds ours
against all of them; from a checkout, any running server can be held against those that can be told from outside:

\`\`\`sh
npm run conformance -- turn:127.0.0.1:3478 'turn:[::1]:3478' --user alice:secret --user bob:secret --user carol:secret
\`\`\`

It prints rule by rule pass, fail or n/a (not applicable), with what was found; \`--json\` prints the same as JSON. Exit code 0 means that
nothing failed, 1 that something did, 2 that the command line is wrong.

- HOST is an IP address. A server is named twice where IPv6 is to be looked at too. UDP only.
- \`--user NAME:PASSWORD\`, up to three times, or \`--secret S\` for a server with the REST convention. With one user the rules about two
  are not applicable.
- Peers are sockets on this machine, at the addresses in the head of the table; the server must be willing to relay to them: a
  loopback address for a server on loopback (\`turnpike --dev\`, coturn's \`--allow-loopback-peers\`), otherwise an address of this machine.
  \`--peer IP\`, once or twice, names others.
- Packets go to that server and to those peers, nowhere else. A server that is neither on this machine nor in a private network needs
  \`--yes-this-server-is-mine\`. A limit on unauthenticated answers makes rules fail for want of an answer: \`--dev\` lifts ours for loopback.
- UDP may lose packets: a rule has failed when it failed twice in a row.`;
