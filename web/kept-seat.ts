/** Keeps a call over a reload of the page: what is needed to take the seat back lies in the tab's storage meanwhile. */

import type { Call, Resumption } from "../src/sdk/client.ts";
import type { JoinWish } from "./lobby.ts";
import { readStored, store } from "./storage.ts";

export interface KeptSeat {
  readonly wish: JoinWish;
  readonly resume: Resumption;
}

const KEY = "turnpike.seat";

/** Written when the page goes, and only then: a duplicated tab finds nothing to fight over. */
export function keepSeat(wish: JoinWish, call: Call): void {
  const { resumption: resume } = call;
  if (resume === undefined) return;
  const kept: KeptSeat = { wish: { ...wish, relayOnly: call.iceTransportPolicy === "relay" }, resume };
  keepAgain(kept);
}

/** For a page that goes before it has its seat back. */
export function keepAgain(kept: KeptSeat): void {
  store("sessionStorage", KEY, JSON.stringify(kept));
}

/** Reads it once. */
export function takeKeptSeat(): KeptSeat | undefined {
  const text = readStored("sessionStorage", KEY);
  store("sessionStorage", KEY, undefined);
  return text === undefined ? undefined : (JSON.parse(text) as KeptSeat);
}
