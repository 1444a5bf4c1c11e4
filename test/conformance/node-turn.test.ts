/**
 * The control: the same rules against node-turn 0.0.6, which breaks the ones that node-turn-breaks.ts names and keeps all
 * others. So the rules can fail, and most of them ask for nothing that only our relay does. A rule that node-turn keeps though it
 * is named means that there is a better node-turn: reconsider it (docs/named-packages.md).
 */

import { AssertionError } from "node:assert";
import { describe, expect, type TestContext, test } from "vitest";
import { NoAnswerError } from "../support/no-answer.ts";
import { BROKEN_BY_NODE_TURN } from "./node-turn-breaks.ts";
import { nodeTurnKind } from "./node-turn-target.ts";
import { RULES } from "./rules.ts";
import { holdAgainst, rulesFor } from "./run-rule.ts";
import { hasIpv6 } from "./socket-target.ts";
import type { Rule } from "./target.ts";

/** Where silence is what is expected, waiting long for an answer proves nothing more. */
const SHORT_MS = 400;
const LONG_MS = 5000;
const TIMEOUT_MS = 20_000;
const rules = rulesFor(nodeTurnKind(LONG_MS), RULES);

/** What the rule found, or undefined. What is no finding of a rule is thrown. */
async function findingOf(
  rule: Rule,
  patienceMs: number,
  { onTestFinished }: TestContext,
): Promise<string | undefined> {
  const target = await nodeTurnKind(patienceMs).open({});
  onTestFinished(() => target.close());
  return holdAgainst(rule, target).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof AssertionError || error instanceof NoAnswerError) return error.message;
      throw error;
    },
  );
}

describe.concurrent("node-turn", { timeout: TIMEOUT_MS }, () => {
  for (const rule of rules) {
    const reason = BROKEN_BY_NODE_TURN.get(rule.id);
    const name = `${rule.id}: ${rule.title} (${rule.rfc})`;
    if (reason === undefined) {
      test(`keeps ${name}`, async (context) => {
        expect(await findingOf(rule, LONG_MS, context)).toBeUndefined();
      });
    } else {
      test(`${reason}: breaks ${name}`, async (context) => {
        const finding = await findingOf(rule, SHORT_MS, context);
        expect(finding, `node-turn keeps "${rule.id}" now: reconsider node-turn`).toBeDefined();
      });
    }
  }
});

test("every rule that is named is run", () => {
  const ids = new Set(rules.map(({ id }) => id));
  const ipv6 = hasIpv6() ? [] : RULES.filter(({ needs }) => needs?.includes("ipv6")).map(({ id }) => id);
  expect([...BROKEN_BY_NODE_TURN.keys()].filter((id) => !ids.has(id))).toEqual(ipv6);
});
