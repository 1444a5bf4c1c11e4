import { describe, expect, test } from "vitest";
import { report } from "../named-packages/report.ts";
import { examine, type Row } from "../named-packages/row.ts";

function row(theirs: string, ours: string, change: Partial<Row> = {}): Row {
  return {
    package: "stun",
    title: "a situation",
    expected: "right",
    stated: "wrong",
    observe: async (whose) => (whose === "theirs" ? theirs : ours),
    ...change,
  };
}

describe("the verdict on a row of npm run named-packages", () => {
  test.each([
    ["as stated", row("wrong", "right")],
    ["reconsider", row("right", "right")],
    ["other than stated", row("wrong in another way", "right")],
    ["other than stated", row("wrong", "wrong")],
    ["as stated", row("wrong", "not yet", { statedOfOurs: "not yet" })],
    ["other than stated", row("wrong", "right", { statedOfOurs: "not yet" })],
    ["not shown", row("wrong", "right", { hindrance: "no browser" })],
  ] as const)("%s", async (verdict, given) => {
    const finding = await examine(given);
    expect(finding.verdict).toBe(verdict);
    expect(report([finding])).toContain(verdict);
  });

  test("an observation that fails is none of those that are stated", async () => {
    const broken = row("", "", { observe: () => Promise.reject(new Error("no answer")) });
    expect(await examine(broken)).toMatchObject({
      theirs: "failed: Error: no answer",
      verdict: "other than stated",
    });
  });

  test("a package that passes is named in the last lines", async () => {
    const finding = await examine(row("right", "right"));
    expect(report([finding])).toMatch(/0 of 1 as .*\nreconsider stun: it passes "a situation"\.$/);
  });
});
