/**
 * One side gets out to TCP port 443 only, as in many offices and hotels, and the other sits behind a symmetric NAT. The
 * server serves https, wss and turns on that one port.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { launchChromium } from "./support/chromium.ts";
import { exchangeMessages, expectNoErrors, expectPath, hangUp } from "./support/conversation.ts";
import { launchFirefox } from "./support/firefox.ts";
import { NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

type Place = "office" | "home";

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces"))(
  "only TCP 443 gets out",
  () => {
    let lab: NetworkLab;
    let site: TlsSite;
    const browsers = new Map<`${Browser["name"]} in the ${Place}`, Browser>();
    const tabs: Tab[] = [];
    let rooms = 0;

    beforeAll(async () => {
      lab = new NetworkLab();
      site = await TlsSite.start(lab);
      const machines = {
        office: lab.addHome("office", "only-tcp-443"),
        home: lab.addHome("home", "symmetric"),
      };
      await Promise.all(
        (["office", "home"] as const).map(async (place) => {
          const options = { prefix: machines[place].prefix, caFile: site.caFile };
          const both = await Promise.all([launchChromium(options), launchFirefox(options)]);
          for (const browser of both) browsers.set(`${browser.name} in the ${place}`, browser);
        }),
      );
    });

    afterEach(async () => {
      await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    });

    afterAll(async () => {
      await Promise.all([...browsers.values()].map((browser) => browser.close()));
      const exit = await site?.stop();
      lab.remove();
      expect(exit).toEqual({ code: 0, signal: undefined });
    });

    test.each([
      { office: "chromium", home: "chromium", first: "office" },
      { office: "chromium", home: "chromium", first: "home" },
      { office: "firefox", home: "chromium", first: "office" },
      { office: "firefox", home: "chromium", first: "home" },
      { office: "chromium", home: "firefox", first: "office" },
      { office: "chromium", home: "firefox", first: "home" },
    ] as const)("$office in the office and $home at home; who waits: $first", async ({ first, ...names }) => {
      const room = `room ${++rooms}`;
      const enter = async (place: Place) => {
        const tab = await (browsers.get(`${names[place]} in the ${place}`) as Browser).newTab();
        tabs.push(tab);
        return CallPage.join(tab, site.url, { room, name: place });
      };
      const waiting = await enter(first);
      await waiting.reaches("waiting");
      const joining = await enter(first === "office" ? "home" : "office");
      const [office, home] = first === "office" ? [waiting, joining] : [joining, waiting];
      await Promise.all([office.reaches("connected"), home.reaches("connected")]);

      await exchangeMessages(office, home);
      await expectPath("relayed", office, home);
      expect((await office.facts()).pair).toMatchObject({ local: "relay", relayProtocol: "tls" });
      // The symmetric NAT is in the way of UDP: a call over TCP would not meet it.
      expect((await home.facts()).pair).toMatchObject({ remote: "relay", transport: "udp" });
      await hangUp(office, home);
      await site.server.isIdle();
      expectNoErrors(office, home);
    });
  },
);
