/**
 * The closed relay learns what a call needs from what passes by. Here little does: applications that send one description each way, that
 * encrypt what they signal, or whose one side never has an allocation here; in browsers that hide local addresses behind mDNS names.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { launchFirefox } from "./support/firefox.ts";
import { type Home, NetworkLab } from "./support/network-lab.ts";
import { claimed, exchange, expectPairs, known, type Part, relay } from "./support/raw-conversation.ts";
import { type RawCallOptions, RawPage } from "./support/raw-page.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

/** How long a seat may outlive its page, and a second for the sweep. */
const SEAT_MS = 20_000;
const SECRET = "only the two of them know it";

interface Side {
  readonly home: Home;
  readonly browsers: ReadonlyMap<Browser["name"], Browser>;
}

/** How descriptions and candidates go to the other. */
const HOW = {
  trickle: { trickle: true },
  "at once": { trickle: false },
  // Over UDP no server answers: gathering would take 40 seconds.
  "at the first relay": { trickle: false, hasSilentServers: true },
  sealed: { trickle: true, secret: SECRET },
  "sealed, at once": { trickle: false, secret: SECRET },
} satisfies Record<string, Pick<RawCallOptions, "trickle" | "hasSilentServers" | "secret">>;
type How = keyof typeof HOW;
type Case = readonly [How, Part, Part];

const TITLE = "$how; $ann.as in $ann.browser behind $ann.nat, $bob.as in $bob.browser behind $bob.nat";
const named = (cases: readonly Case[]) => cases.map(([how, ann, bob]) => ({ how, ann, bob }));

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces"))(
  "an application of its own",
  () => {
    let lab: NetworkLab;
    let site: TlsSite;
    /** Who waits in the room, and who joins. */
    const sides: Side[] = [];
    const tabs: Tab[] = [];
    let rooms = 0;

    beforeAll(async () => {
      lab = new NetworkLab();
      site = await TlsSite.start(lab);
      for (const name of ["ann", "bob"]) {
        const home = lab.addHome(name, "port-restricted");
        const options = { prefix: home.prefix, caFile: site.caFile, mdnsNames: true };
        const browsers = await Promise.all([launchChromium(options), launchFirefox(options)]);
        sides.push({ home, browsers: new Map(browsers.map((browser) => [browser.name, browser])) });
      }
    });

    afterEach(async () => {
      await Promise.all(tabs.splice(0).map((tab) => tab.close()));
      await site.server.isIdle(SEAT_MS);
    });

    afterAll(async () => {
      await Promise.all(sides.flatMap(({ browsers }) => [...browsers.values()]).map((one) => one.close()));
      const exit = await site?.stop();
      lab.remove();
      expect(exit).toEqual({ code: 0, signal: undefined });
    });

    async function call(how: How, parts: readonly [Part, Part]): Promise<readonly [RawPage, RawPage]> {
      const room = `room ${++rooms}`;
      const pages: RawPage[] = [];
      for (const [i, { as, browser, nat, ...part }] of parts.entries()) {
        const side = sides[i] as Side;
        if (nat !== undefined) side.home.setNat(nat);
        const tab = await (side.browsers.get(browser) as Browser).newTab();
        tabs.push(tab);
        pages.push(await RawPage.open(tab, site.url, `${as} in ${browser}`));
        await pages[i]?.join({ room, ...part, ...HOW[how] });
      }
      await Promise.all(pages.map((page) => page.connected()));
      return pages as [RawPage, RawPage];
    }

    /** What must be true of every call, to its end. */
    async function expectGoodCall(
      pages: readonly [RawPage, RawPage],
      { how, ann, bob }: { readonly how: How; readonly ann: Part; readonly bob: Part },
    ): Promise<void> {
      const parts = [ann, bob];
      // The other may hear of an address before the relay has heard from there; the call goes inside then.
      const isSealed = "secret" in HOW[how];
      await expectPairs(pages, parts);
      for (const [i, page] of pages.entries()) {
        const { notices, problems, candidates } = await page.facts();
        const refused = notices.filter(({ reason }) => !(isSealed && reason === "not-in-room"));
        expect([...refused, ...problems], page.name).toEqual([]);
        const isNamed = hostAddresses(candidates).map((address) => address.endsWith(".local"));
        expect(new Set(isNamed), page.name).toEqual(new Set(parts[i]?.relayOnly ? [] : [true]));
      }
      await pages[0].leave();
      await site.server.isIdle();
      for (const { tab } of pages) expect(tab.errors).toEqual([]);
    }

    test.each(
      named([
        ["trickle", relay("chromium", "symmetric"), known("firefox", "symmetric")],
        ["trickle", relay("chromium", "full-cone"), claimed("chromium", "full-cone")],
        ["trickle", relay("firefox", "port-restricted"), claimed("chromium", "port-restricted")],
        // Behind a symmetric NAT, a side has another port towards the relay than the one that it claims.
        ["trickle", relay("chromium", "symmetric"), claimed("firefox", "symmetric")],
        ["trickle", claimed("chromium", "symmetric"), relay("firefox", "symmetric")],
        ["trickle", claimed("firefox", "symmetric"), relay("chromium", "only-tcp-443")],
        ["at once", relay("firefox", "symmetric"), relay("chromium", "symmetric")],
        ["at the first relay", relay("chromium", "only-tcp-443"), relay("chromium", "udp-blocked")],
        ["at once", known("firefox", "port-restricted"), relay("chromium", "port-restricted")],
        ["at once", relay("chromium", "port-restricted"), claimed("firefox", "symmetric")],
        ["at once", claimed("chromium", "symmetric"), relay("firefox", "full-cone")],
        ["sealed", relay("chromium", "symmetric"), relay("firefox", "symmetric")],
        ["sealed", relay("firefox", "only-tcp-443"), known("chromium", "udp-blocked")],
        ["sealed", relay("chromium", "port-restricted"), known("firefox", "port-restricted")],
        ["sealed", known("chromium", "symmetric"), relay("firefox", "symmetric")],
        ["sealed, at once", relay("firefox", "full-cone"), known("chromium", "symmetric")],
      ]),
    )(TITLE, async (one) => {
      const pages = await call(one.how, [one.ann, one.bob]);
      await exchange(pages);
      await expectGoodCall(pages, one);
    });

    test.each(
      named([
        ["trickle", relay("chromium", "port-restricted"), claimed("chromium", "port-restricted")],
        ["trickle", relay("chromium", "port-restricted"), claimed("firefox", "port-restricted")],
        ["sealed", relay("chromium", "port-restricted"), known("chromium", "port-restricted")],
      ]),
    )(`another public address in the call, and an ICE restart: ${TITLE}`, async (one) => {
      const pages = await call(one.how, [one.ann, one.bob]);
      await exchange(pages);
      (sides[1] as Side).home.moveUdp();
      await pages[0].restartIce();
      await exchange(pages);
      await expectGoodCall(pages, one);
    });
  },
);

/** RFC 8839: foundation, component, transport, priority, address, port, "typ", type. */
function hostAddresses(candidates: readonly string[]): string[] {
  const fields = candidates.map((line) => line.split(" "));
  return fields.filter((one) => one[7] === "host").map((one) => one[4] ?? "");
}
