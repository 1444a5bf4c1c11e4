/** Who the two of a raw call are to the relay, and what must be true of their call. */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { Browser } from "./browser.ts";
import { MESSAGES } from "./conversation.ts";
import { eventually } from "./eventually.ts";
import type { NatKind } from "./nat.ts";
import type { RawCallOptions, RawPage } from "./raw-page.ts";

export type Name = Browser["name"];
/** What one of the two is told. */
export interface Part extends Pick<RawCallOptions, "relayOnly" | "servers"> {
  readonly as: string;
  readonly browser: Name;
  /** What it is behind; undefined: nothing. */
  readonly nat: NatKind | undefined;
}

/** Told to use relays only. */
export const relay = (browser: Name, nat?: NatKind): Part => ({
  as: "relay only",
  ...{ browser, nat, relayOnly: true, servers: "all" },
});
/** It has a relay too, and so the relay knows its address. */
export const known = (browser: Name, nat?: NatKind): Part => ({
  as: "known",
  ...{ browser, nat, relayOnly: false, servers: "all" },
});
/** It has STUN alone: its address is what it claims. */
export const claimed = (browser: Name, nat?: NatKind): Part => ({
  as: "claimed",
  ...{ browser, nat, relayOnly: false, servers: "stun" },
});

/** Both send 200 lines at the same time; all of them arrive, each once, in order. */
export async function exchange(pages: readonly [RawPage, RawPage]): Promise<void> {
  await Promise.all(
    pages.map(async (page, i) => {
      const other = pages[1 - i] as RawPage;
      const before = (await other.facts()).heard.length;
      const lines = Array.from({ length: MESSAGES }, (_, at) => `${page.name} says ${before + at + 1}`);
      await page.say(lines);
      expect((await other.hears(before + MESSAGES)).slice(before)).toEqual(lines);
    }),
  );
}

/** Whoever is told to uses its relay, at once and a second later; who has no allocation uses none. */
export async function expectPairs(pages: readonly RawPage[], parts: readonly Part[]): Promise<void> {
  const isPromised = async (i: number) => {
    const { pair, state } = await (pages[i] as RawPage).connection();
    const [mine, other] = [parts[i] as Part, parts[1 - i] as Part];
    if (state !== "connected" || pair === undefined) return { ok: false, pair, state };
    const isLocalRight =
      mine.relayOnly === (pair.local === "relay") || (!mine.relayOnly && mine.servers === "all");
    // The other's relay may be known by its packets only.
    const isRemoteRight = !other.relayOnly || pair.remote === "relay" || pair.remote === "prflx";
    return { ok: isLocalRight && isRemoteRight, pair, state };
  };
  for (const waitMs of [0, 1000]) {
    await delay(waitMs);
    for (const i of pages.keys()) {
      await eventually(
        `the pair of ${pages[i]?.name}`,
        () => isPromised(i),
        ({ ok }) => ok,
      );
    }
  }
}
