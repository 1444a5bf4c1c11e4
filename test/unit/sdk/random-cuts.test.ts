/** Sockets that are lost at any moment, with what is on its way in either direction: every message arrives all the same, once and in order. */

import { expect, test } from "vitest";
import { SeededRandom } from "../../support/seeded-random.ts";
import { Bench, type Member } from "./bench.ts";

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);
const STEPS = 150;
const OPTIONS = { resumeSeconds: 600, messagesPerSecond: 1000, messageBurst: 1000 };

/** Whatever was on its way is lost. */
function cut({ socket }: Member): void {
  if (socket === undefined || socket.closedWith !== undefined) return;
  socket.close();
  socket.onclose?.({ code: 1006, reason: "" });
}

test.each(SEEDS)("seed %i", async (seed) => {
  const random = new SeededRandom(seed);
  const bench = new Bench(OPTIONS);
  const members = [await bench.join(), await bench.join()] as const;
  const posted: [number[], number[]] = [[], []];
  const answers: Promise<void>[] = [];
  let cuts = 0;
  for (let step = 0; step < STEPS; step++) {
    const index = random.pick([0, 1] as const);
    const member = members[index];
    const dice = random.below(100);
    if (dice < 50) {
      posted[index].push(step);
      answers.push(member.call.post(step));
    } else if (dice < 60 && member.socket !== undefined) {
      member.socket.isDeaf = true;
    } else if (dice < 75) {
      cuts++;
      cut(member);
    } else if (dice < 85) {
      member.wake();
    } else {
      await bench.advance(random.below(400));
    }
  }
  for (const member of members) {
    if (member.socket?.isDeaf) cut(member);
    member.wake();
  }
  for (let i = 0; i < 20; i++) await bench.advance(1000);

  await Promise.all(answers);
  expect(cuts).toBeGreaterThan(0);
  const heard = members.map((member) => member.told("message").map(({ data }) => data));
  expect(heard).toEqual([posted[1], posted[0]]);
  for (const member of members) {
    expect(member.told("joined").every(({ resumed }) => resumed)).toBe(true);
    expect(member.told("error")).toEqual([]);
  }
});
