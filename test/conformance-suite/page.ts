/** docs/conformance.md, made of what was measured. */

import { BROKEN_BY_NODE_TURN } from "../conformance/node-turn-breaks.ts";
import { COTURN_DIFFERENCES, type Difference } from "./coturn-differences.ts";
import type { Way } from "./page-servers.ts";
import { countOf } from "./report.ts";
import type { Result, Verdict } from "./run-suite.ts";
import type { ServerTransport } from "./server-uri.ts";

/** What one server was found to do over one transport, with its clients on one family. */
export interface Run extends Way {
  readonly results: readonly Result[];
}

export interface Measured {
  /** "coturn 4.6.1" */
  readonly name: string;
  /** Of the same rules, in the same order. */
  readonly runs: readonly Run[];
}

export interface Measurement {
  readonly turnpike: Measured;
  readonly coturn: Measured;
  readonly nodeTurn: Measured;
}

/** What a cell says of a rule: one word, or one for each family where they differ. */
export function cellOf({ runs }: Measured, transport: ServerTransport, id: string): string {
  const verdicts = runs
    .filter((run) => run.transport === transport)
    .map(({ family, results }) => ({ family, verdict: results.find(({ rule }) => rule.id === id)?.verdict }));
  const [first] = verdicts;
  if (verdicts.every(({ verdict }) => verdict === first?.verdict)) return first?.verdict ?? "";
  return verdicts.map(({ family, verdict }) => `IPv${family} ${verdict}`).join(", ");
}

/** Why the page cannot be written: explanations that are missing, or of nothing. */
export function problemsOf({ turnpike, coturn, nodeTurn }: Measurement): readonly string[] {
  return [
    ...unexplained(turnpike, new Set()),
    ...unexplained(coturn, COTURN_DIFFERENCES),
    ...unexplained(nodeTurn, BROKEN_BY_NODE_TURN),
    ...coturn.runs.flatMap((run) =>
      resultsWith(run, "pass")
        .filter(({ rule }) => COTURN_DIFFERENCES.has(rule.id))
        .map(
          ({ rule }) => `${coturn.name} ${wayOf(run)} passes ${rule.id}, which is explained as a difference`,
        ),
    ),
    ...[...COTURN_DIFFERENCES.keys()]
      .filter((id) => !failuresOf(coturn).some(({ rule }) => rule.id === id))
      .map((id) => `${coturn.name} never fails ${id}, which is explained as a difference`),
  ];
}

function unexplained({ name, runs }: Measured, explained: { has(id: string): boolean }): string[] {
  return runs.flatMap((run) =>
    resultsWith(run, "fail")
      .filter(({ rule }) => !explained.has(rule.id))
      .map(({ rule, finding }) => `${name} ${wayOf(run)} fails ${rule.id}, unexplained: ${finding}`),
  );
}

function wayOf({ transport, family }: Way): string {
  return `over ${transport.toUpperCase()} on IPv${family}`;
}

export function pageOf({ turnpike, coturn, nodeTurn }: Measurement): string {
  return `${[
    INTRODUCTION,
    "## Side by side",
    "Over each transport with the clients on IPv4 and again with them on IPv6; a cell that names no family is of both.",
    countsTable([turnpike, coturn, nodeTurn]),
    verdictTable([turnpike, coturn, nodeTurn]),
    "## Where coturn differs",
    "As measured, over every transport and on both families, each with the sentence that decides.",
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

function countsTable(servers: readonly Measured[]): string {
  const rows = servers.flatMap(({ name, runs }) =>
    runs.map((run) => {
      const counts = (["pass", "fail", "n/a"] as const).map((verdict) => countOf(run.results, verdict));
      return `| ${name} | ${wayOf(run)} | ${counts.join(" | ")} |`;
    }),
  );
  return ["| Server | Asked | Passed | Failed | Not applicable |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** A row for every rule that applies to a server over some transport. */
function verdictTable(servers: readonly Measured[]): string {
  const columns = servers.flatMap((server) =>
    [...new Set(server.runs.map(({ transport }) => transport))].map((transport) => ({ server, transport })),
  );
  const rules = servers[0]?.runs[0]?.results.map(({ rule }) => rule) ?? [];
  const rows = rules.flatMap(({ id, title, rfc }) => {
    const cells = columns.map(({ server, transport }) => cellOf(server, transport, id));
    return cells.every((cell) => cell === "n/a")
      ? []
      : [`| \`${id}\`: ${title} | ${rfc} | ${cells.join(" | ")} |`];
  });
  const names = columns.map(({ server, transport }) => `${server.name} ${transport.toUpperCase()}`);
  return [`| Rule | Section | ${names.join(" | ")} |`, `|${"---|".repeat(names.length + 2)}`, ...rows].join(
    "\n",
  );
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

/** Over no transport. */
function notApplicable({ runs }: Measured): string {
  const applicable = new Set(
    runs.flatMap(({ results }) => results.filter(({ verdict }) => verdict !== "n/a").map(({ rule }) => rule)),
  );
  const never = runs[0]?.results.filter(({ rule }) => !applicable.has(rule)) ?? [];
  return grouped(never, ({ finding }) => finding);
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

/** In the order of the rules, each rule once. */
function failuresOf({ runs }: Measured): readonly Result[] {
  const failures = new Map(
    runs.flatMap((run) => resultsWith(run, "fail")).map((result) => [result.rule, result]),
  );
  const order = runs[0]?.results.map(({ rule }) => rule) ?? [];
  return order.map((rule) => failures.get(rule)).filter((failure) => failure !== undefined);
}

function resultsWith({ results }: Run, verdict: Verdict): readonly Result[] {
  return results.filter((result) => result.verdict === verdict);
}

const INTRODUCTION = `# Conformance

<!-- Written by \`npm run conformance:page\`: run that, do not edit. -->

One set of rules (\`test/conformance/rules\`) says what a TURN server does, each rule with its RFC section. \`npm test\` holds ours
against all of them; from a checkout, any running server can be held against those that can be told from outside:

\`\`\`sh
npm run conformance -- turn:127.0.0.1:3478 'turn:[::1]:3478' --user alice:secret --user bob:secret --user carol:secret
\`\`\`

It prints rule by rule pass, fail or n/a (not applicable), with what was found; \`--json\` prints the same as JSON. Exit code 0 means that
nothing failed, 1 that something did, 2 that the command line is wrong or that no connection can be made.

- \`turn:HOST:PORT\` is asked over UDP, \`turn:HOST:PORT?transport=tcp\` over TCP, \`turns:HOST:PORT\` over TLS. HOST is a name or an IP address, IPv6 in
  brackets. A server is named twice where both families are to be looked at; clients come over the family that is named first.
- \`turns:\` verifies the certificate: \`--ca FILE\` is the authority, or the certificate itself; \`--servername NAME\` the name that it is for,
  where that is not HOST; \`--insecure\` takes any.
- \`--user NAME:PASSWORD\`, up to three times, or \`--secret S\` for a server with the REST convention. With one user the rules about two
  are not applicable.
- Peers are sockets on this machine, at the addresses in the head of the table; the server must be willing to relay to them: a
  loopback address for a server on loopback (\`turnpike --dev\`, coturn's \`--allow-loopback-peers\`), otherwise an address of this machine.
  \`--peer IP\`, once or twice, names others.
- Packets go to that server and to those peers, nowhere else. A server that is neither on this machine nor in a private network needs
  \`--yes-this-server-is-mine\`. A limit on unauthenticated answers makes rules fail for want of an answer: \`--dev\` lifts ours for loopback.
- UDP may lose packets: a rule has failed when it failed twice in a row.`;
