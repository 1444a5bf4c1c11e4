/** What two people do in every call of these tests, and what must be true of it. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { CallPage, ConnectionFacts, SelectedPair } from "./call-page.ts";
import { eventually } from "./eventually.ts";

export const MESSAGES = 200;

/** Both send 200 lines at the same time; all of them arrive, each once, in order, from browser to browser. */
export async function exchangeMessages(a: CallPage, b: CallPage): Promise<void> {
  const linesOf = (page: CallPage) =>
    Array.from({ length: MESSAGES }, (_, i) => `${page.name} says ${i + 1}`);
  await Promise.all([a.canWrite(), b.canWrite()]);
  await Promise.all([a.say(linesOf(a)), b.say(linesOf(b))]);
  for (const [hearer, speaker] of [
    [a, b],
    [b, a],
  ] as const) {
    const heard = await eventually(
      `${hearer.name} hearing ${MESSAGES} lines`,
      () => hearer.heard(),
      (lines) => lines.length >= MESSAGES,
    );
    expect(heard).toEqual(linesOf(speaker));
    // They came over the data channel, and not by way of the signaling server.
    const facts = await hearer.facts();
    expect(facts.messagesReceived).toBeGreaterThanOrEqual(MESSAGES);
  }
}

/** Each says one line more, and the other hears it. */
export async function expectTalk(a: CallPage, b: CallPage): Promise<void> {
  for (const [speaker, hearer] of [
    [a, b],
    [b, a],
  ] as const) {
    const before = await hearer.heard();
    const line = `${speaker.name} says ${before.length + 1}`;
    await speaker.canWrite();
    await speaker.say([line]);
    const heard = await eventually(
      `${hearer.name} hearing "${line}"`,
      () => hearer.heard(),
      (lines) => lines.length > before.length,
    );
    expect(heard).toEqual([...before, line]);
  }
}

/**
 * Both browsers carry the call from relay to relay, and the pages say so. A browser may know the other's relay by its packets only, as
 * prflx; the page knows what was signalled.
 */
export async function expectRelayedBothWays(a: CallPage, b: CallPage): Promise<void> {
  await expectSteadyPair("its own relay in use", ({ local }) => local === "relay", [a, b]);
  for (const page of [a, b]) {
    await eventually(
      `${page.name}'s page saying that both sides are relayed`,
      () => page.shownPath(),
      ({ relayed, localType, remoteType }) =>
        relayed === "true" && localType === "relay" && remoteType === "relay",
    );
  }
}

/** Both browsers carry the call that way, and the pages say so. "relayed": by a relay of either side. */
export async function expectPath(path: "direct" | "relayed", a: CallPage, b: CallPage): Promise<void> {
  const isRelayed = ({ local, remote }: SelectedPair) => local === "relay" || remote === "relay";
  await expectSteadyPair(`a ${path} way`, (pair) => isRelayed(pair) === (path === "relayed"), [a, b]);
  for (const page of [a, b]) {
    await eventually(
      `${page.name}'s page saying that the call is ${path}`,
      () => page.shownPath(),
      ({ relayed }) => relayed === String(path === "relayed"),
    );
  }
}

/** Every browser has chosen such a pair, and keeps it: one may be chosen for a moment and given up for a better one. */
export async function expectSteadyPair(
  what: string,
  accept: (pair: SelectedPair) => boolean,
  pages: readonly CallPage[],
): Promise<void> {
  const isSuch = ({ state, pair }: ConnectionFacts) =>
    state === "connected" && pair !== undefined && accept(pair);
  await Promise.all(pages.map((page) => page.factsWhen(what, isSuch)));
  await delay(1000);
  for (const page of pages) expect(await page.facts(), `${page.name}: ${what}`).toSatisfy(isSuch);
}

/** One hangs up: the call ends on both pages, and neither browser keeps a connection. */
export async function hangUp(a: CallPage, b: CallPage): Promise<void> {
  await a.hangUp();
  await Promise.all([a.reaches("ended"), b.reaches("ended")]);
  await Promise.all([a, b].map((page) => page.factsWhen("no open connection", ({ open }) => open === 0)));
}

/** No script of the page failed, and nothing that it asked for was missing. */
export function expectNoErrors(...pages: readonly CallPage[]): void {
  for (const page of pages) expect(page.tab.errors).toEqual([]);
}
