/** Runs one rule against a target of its own, and holds the target against what every rule claims. */

import assert from "node:assert/strict";
import { CAROL, type Need, type Rule, type Target, type TargetKind } from "./target.ts";

/** The rules that this kind of target can be held against. */
export function rulesFor(kind: TargetKind, rules: readonly Rule[]): readonly Rule[] {
  return rules.filter((rule) => needsOf(rule).every((need) => kind.offers.has(need)));
}

function needsOf(rule: Rule): readonly Need[] {
  return rule.settings === undefined ? (rule.needs ?? []) : [...(rule.needs ?? []), "inside"];
}

export async function runRule(rule: Rule, kind: TargetKind): Promise<void> {
  const target = await kind.open(rule.settings ?? {});
  try {
    await holdAgainst(rule, target);
  } finally {
    await target.close();
  }
}

/** Rejects where the target breaks the rule, or serves nobody afterwards. */
export async function holdAgainst(rule: Rule, target: Target): Promise<void> {
  await rule.run(target);
  await assertServes(target, rule.settings !== undefined);
}

/** Whatever a rule has done, a valid request must still succeed; an Allocate too, where the rule is not about limits. */
async function assertServes(target: Target, hasLimits: boolean): Promise<void> {
  const client = await target.client({ as: CAROL, host: hasLimits ? 1 : 0 });
  assert.equal((await client.bind()).outcome, "success", "a Binding request after the rule");
  if (hasLimits) return;
  assert.equal((await client.allocate()).outcome, "success", "an Allocate after the rule");
  assert.equal((await client.refresh(0)).outcome, "success", "a Refresh after the rule");
}
