/** One claim about a named package, shown live: the same situation for the package and for ours. */

export interface Row {
  readonly package: "node-turn" | "stun";
  /** The situation. */
  readonly title: string;
  /** What is expected of everybody. */
  readonly expected: string;
  /** What docs/named-packages.md says that the package does instead. */
  readonly stated: string;
  /** What ours does, where that is not what is expected yet; docs/named-packages.md says so too. */
  readonly statedOfOurs?: string;
  /** Why the row cannot be shown on this machine. */
  readonly hindrance?: string;
  observe(whose: Whose): Promise<string>;
}

export type Whose = "theirs" | "ours";

export type Verdict = "as stated" | "reconsider" | "other than stated" | "not shown";

export interface Finding {
  readonly row: Row;
  readonly theirs: string;
  readonly ours: string;
  readonly verdict: Verdict;
}

export async function examine(row: Row): Promise<Finding> {
  if (row.hindrance !== undefined) return { row, theirs: "-", ours: "-", verdict: "not shown" };
  const theirs = await observed(row, "theirs");
  const ours = await observed(row, "ours");
  return { row, theirs, ours, verdict: judge(row, theirs, ours) };
}

/** Whatever goes wrong is an observation, and never the one that is stated. */
function observed(row: Row, whose: Whose): Promise<string> {
  return row.observe(whose).catch((error: unknown) => `failed: ${String(error)}`);
}

function judge({ expected, stated, statedOfOurs }: Row, theirs: string, ours: string): Verdict {
  if (ours !== (statedOfOurs ?? expected)) return "other than stated";
  if (theirs === expected) return "reconsider";
  return theirs === stated ? "as stated" : "other than stated";
}
