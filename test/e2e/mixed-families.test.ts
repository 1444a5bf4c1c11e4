/** One has IPv4 behind a symmetric NAT, the other IPv4 and IPv6 and no NAT: calls of which one side is relayed, by the default policy. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { run } from "./support/child-process.ts";
import { launchChromium } from "./support/chromium.ts";
import { launchFirefox } from "./support/firefox.ts";
import { type Machine, NetworkLab } from "./support/network-lab.ts";
import { claimed, exchange, expectPairs, known, type Part, relay } from "./support/raw-conversation.ts";
import { RawPage } from "./support/raw-page.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

type Browsers = ReadonlyMap<Browser["name"], Browser>;

/** How long a seat may outlive its page, and more. */
const SEAT_MS = 20_000;

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces"))(
  "IPv4 calls IPv4 and IPv6",
  () => {
    let lab: NetworkLab;
    let site: TlsSite;
    /** At home, and on the host. */
    const sides: Browsers[] = [];
    const tabs: Tab[] = [];
    let rooms = 0;

    beforeAll(async () => {
      lab = new NetworkLab();
      site = await TlsSite.start(lab, { dualStack: true });
      const host = lab.addHost("host");
      // Browsers look for their own address on the way to everywhere.
      for (const family of ["-4", "-6"]) {
        await run([...host.prefix, "ip", family, "route", "add", "default", "dev", "wan"]);
      }
      const machines: readonly Machine[] = [lab.addHome("home", "symmetric"), host];
      for (const { prefix } of machines) {
        const options = { prefix, caFile: site.caFile };
        const browsers = await Promise.all([launchChromium(options), launchFirefox(options)]);
        sides.push(new Map(browsers.map((browser) => [browser.name, browser])));
      }
    });

    afterEach(async () => {
      await Promise.all(tabs.splice(0).map((tab) => tab.close()));
      await site.server.isIdle(SEAT_MS);
    });

    afterAll(async () => {
      await Promise.all(sides.flatMap((browsers) => [...browsers.values()]).map((one) => one.close()));
      const exit = await site?.stop();
      lab.remove();
      expect(exit).toEqual({ code: 0, signal: undefined });
    });

    const cases: readonly (readonly [home: Part, host: Part])[] = [
      [relay("chromium", "symmetric"), claimed("firefox")],
      [relay("firefox", "symmetric"), claimed("chromium")],
      [relay("firefox", "symmetric"), known("chromium")],
      [claimed("firefox", "symmetric"), relay("chromium")],
      [claimed("chromium", "symmetric"), relay("firefox")],
    ];

    test.each(cases.map(([home, host]) => ({ home, host })))(
      "$home.as in $home.browser at home, $host.as in $host.browser on the host",
      async ({ home, host }) => {
        const room = `room ${++rooms}`;
        const pages: RawPage[] = [];
        for (const [i, { as, browser, relayOnly, servers }] of [home, host].entries()) {
          const browsers = sides[i] as Browsers;
          const tab = await (browsers.get(browser) as Browser).newTab();
          tabs.push(tab);
          const page = await RawPage.open(tab, site.url, `${as} in ${browser}`);
          await page.join({ room, relayOnly, servers, trickle: true });
          pages.push(page);
        }
        const both = pages as [RawPage, RawPage];
        await Promise.all(pages.map((page) => page.connected()));
        await exchange(both);
        await expectPairs(pages, [home, host]);
        for (const page of pages) {
          const { notices, problems } = await page.facts();
          expect(problems).toEqual([]);
          // The home's own network, and nothing else, is closed.
          expect(notices.filter(({ reason }) => reason !== "denied-network")).toEqual([]);
        }
        await both[0].leave();
        await site.server.isIdle();
      },
    );
  },
);
