/**
 * The closed relay refuses nothing that a call needs: calls of Chromium and Firefox through our page, behind NATs of every kind, where
 * both are told to use relays only, or one of them is.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage, type SelectedPair } from "./support/call-page.ts";
import { launchChromium } from "./support/chromium.ts";
import { exchangeMessages, expectNoErrors, expectSteadyPair, hangUp } from "./support/conversation.ts";
import { launchFirefox } from "./support/firefox.ts";
import { NAT_KINDS, type NatKind } from "./support/nat.ts";
import { type Home, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

type Name = Browser["name"];
const NAMES = ["chromium", "firefox"] as const;
const RELAY_ONLY: readonly (readonly Name[])[] = [NAMES, ["chromium"], ["firefox"]];

interface Side {
  readonly home: Home;
  readonly browser: Browser;
}

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces"))("behind two NATs", () => {
  let lab: NetworkLab;
  let site: TlsSite;
  const sides = new Map<Name, Side>();
  const tabs: Tab[] = [];
  let rooms = 0;

  beforeAll(async () => {
    lab = new NetworkLab();
    site = await TlsSite.start(lab);
    const launch = { chromium: launchChromium, firefox: launchFirefox };
    await Promise.all(
      NAMES.map(async (name) => {
        const home = lab.addHome(name, "port-restricted");
        const browser = await launch[name]({ prefix: home.prefix, caFile: site.caFile });
        sides.set(name, { home, browser });
      }),
    );
  });

  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
  });

  afterAll(async () => {
    await Promise.all([...sides.values()].map(({ browser }) => browser.close()));
    const exit = await site?.stop();
    lab.remove();
    expect(exit).toEqual({ code: 0, signal: undefined });
  });

  async function enter(name: Name, nat: NatKind, relayOnly: boolean): Promise<CallPage> {
    const { home, browser } = sides.get(name) as Side;
    home.setNat(nat);
    const tab = await browser.newTab();
    tabs.push(tab);
    return CallPage.join(tab, site.url, { room: `room ${rooms}`, name, relayOnly });
  }

  test.each(NAT_KINDS.flatMap((nat) => RELAY_ONLY.map((relayOnly) => ({ nat, relayOnly }))))(
    "$nat, relays only: $relayOnly",
    async ({ nat, relayOnly }) => {
      rooms++;
      const refusedBefore = await site.server.strangersRefused();
      // In turns, so that either calls the other.
      const [first, second] = rooms % 2 === 0 ? NAMES : (NAMES.toReversed() as [Name, Name]);
      const ann = await enter(first, nat, relayOnly.includes(first));
      await ann.reaches("waiting");
      const bob = await enter(second, nat, relayOnly.includes(second));
      await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);

      await exchangeMessages(ann, bob);
      await Promise.all([expectRelays(relayOnly, ann, bob), expectRelays(relayOnly, bob, ann)]);
      await hangUp(ann, bob);
      await site.server.isIdle();
      expect(await site.server.strangersRefused()).toBe(refusedBefore);
      expectNoErrors(ann, bob);
    },
  );
});

/** As the one sees it. The other's relay may be known by its packets only: as prflx. */
function expectRelays(relayOnly: readonly string[], page: CallPage, other: CallPage): Promise<void> {
  const isPromised = ({ local, remote }: SelectedPair) =>
    (!relayOnly.includes(page.name) || local === "relay") &&
    (!relayOnly.includes(other.name) || remote === "relay" || remote === "prflx");
  return expectSteadyPair(`relays of ${relayOnly}`, isPromised, [page]);
}
