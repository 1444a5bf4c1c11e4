/** Both members turn the relay switch, in any order of what happens to them: at rest they are connected, each by its own wish. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Bench, type Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";
import { expectMet } from "./met.ts";

const RUNS = 300;
/** They take a second or two, and more where others want the processor too. */
const TIMEOUT_MS = 30_000;

/** What may happen to a member; `hear`: what the server has for it arrives. */
const STEPS = ["turn", "hear", "add track", "lose socket", "wait"] as const;
type Step = readonly [who: 0 | 1, what: (typeof STEPS)[number]];

const steps = fc.array(fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.constantFrom(...STEPS)), {
  maxLength: 24,
});

async function take(bench: Bench, member: Member, what: Step[1], place: number): Promise<void> {
  const { call } = member;
  if (what === "turn") call.setIceTransportPolicy(call.iceTransportPolicy === "all" ? "relay" : "all");
  else if (what === "hear") member.socket?.deliver();
  else if (what === "add track") call.addTrack({ kind: "video", id: `track ${place}` } as MediaStreamTrack);
  else if (what === "lose socket") member.socket?.drop();
  else await bench.clock.advance(300);
}

/** A first offer is never rolled back: before a rollback there was a description of the other side. */
function rollsBackFirst(log: readonly string[]): boolean {
  const before = log.slice(0, Math.max(0, log.indexOf("rollback")));
  return log.includes("rollback") && !before.some((entry) => entry.startsWith("remote"));
}

test("whatever the order, they meet again with the policies that were chosen last", {
  timeout: TIMEOUT_MS,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (taken, hurried) => {
      const bench = new Bench();
      const [first, second] = [await bench.join(), await bench.join()];
      for (const [place, [who, what]] of taken.entries()) {
        await take(bench, who === 0 ? first : second, what, place);
        if (!hurried) await settle();
      }
      await bench.run();
      for (let i = 0; i < 4; i++) await bench.advance(1500);
      expectMet(first, second);
      for (const { call, connection, connections } of [first, second]) {
        expect(connection.configuration.iceTransportPolicy).toBe(call.iceTransportPolicy);
        expect(connection.senders).toHaveLength(new Set(connection.senders.map(({ track }) => track)).size);
        expect(connections.filter(({ log }) => rollsBackFirst(log))).toEqual([]);
      }
    }),
    { numRuns: RUNS },
  );
});
