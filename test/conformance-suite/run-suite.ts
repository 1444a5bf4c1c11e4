/** Holds a server against every rule. */

import { holdAgainst } from "../conformance/run-rule.ts";
import type { Rule, Target } from "../conformance/target.ts";
import { findingOf } from "./finding.ts";
import { NotApplicableError } from "./not-applicable.ts";

export type Verdict = "pass" | "fail" | "n/a";

export interface Result {
  readonly rule: Rule;
  readonly verdict: Verdict;
  /** Of a failure, what was found; of a rule that does not apply, why; "" otherwise. */
  readonly finding: string;
}

/** A server as the suite needs it. */
export interface Subject {
  hindranceTo(rule: Rule): string | undefined;
  open(): Target | Promise<Target>;
  /** False ends the run: what does not answer any more breaks no further rule. */
  isServing(): Promise<boolean>;
}

/** Rules at work at the same time: most of the time they wait. */
const AT_ONCE = 4;

/** Every rule once, in their order. */
export async function runSuite(subject: Subject, rules: readonly Rule[]): Promise<readonly Result[]> {
  const results = new Map<Rule, Result>();
  const waiting = [...rules];
  let isGone = !(await subject.isServing());
  async function work(): Promise<void> {
    for (let rule = waiting.shift(); rule !== undefined; rule = waiting.shift()) {
      const result = isGone ? unanswered(rule) : await examineTwice(subject, rule);
      results.set(rule, result);
      if (result.verdict === "fail" && !isGone) isGone = !(await subject.isServing());
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return rules.map((rule) => results.get(rule) ?? unanswered(rule));
}

/** UDP may lose a packet: broken is what is broken twice. */
async function examineTwice(subject: Subject, rule: Rule): Promise<Result> {
  const first = await examine(subject, rule);
  return first.verdict === "fail" ? examine(subject, rule) : first;
}

async function examine(subject: Subject, rule: Rule): Promise<Result> {
  const hindrance = subject.hindranceTo(rule);
  if (hindrance !== undefined) return { rule, verdict: "n/a", finding: hindrance };
  const target = await subject.open();
  try {
    await holdAgainst(rule, target);
    return { rule, verdict: "pass", finding: "" };
  } catch (error) {
    const verdict = error instanceof NotApplicableError ? "n/a" : "fail";
    return { rule, verdict, finding: findingOf(error) };
  } finally {
    await target.close();
  }
}

function unanswered(rule: Rule): Result {
  return { rule, verdict: "fail", finding: "not looked at: the server does not answer" };
}
