/** Calls between NATs of every kind: direct wherever the two let it, relayed everywhere else, and never none. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { launchChromium } from "./support/chromium.ts";
import { exchangeMessages, expectNoErrors, expectPath, hangUp } from "./support/conversation.ts";
import type { NatKind } from "./support/nat.ts";
import { type Home, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

describe.skipIf(isMissing("chromium", "certutil", "namespaces"))("a call between two NATs", () => {
  let lab: NetworkLab;
  let site: TlsSite;
  const sides: { readonly home: Home; readonly browser: Browser }[] = [];
  const tabs: Tab[] = [];
  let rooms = 0;

  beforeAll(async () => {
    lab = new NetworkLab();
    site = await TlsSite.start(lab);
    for (const name of ["ann", "bob"]) {
      const home = lab.addHome(name, "port-restricted");
      const browser = await launchChromium({ prefix: home.prefix, caFile: site.caFile });
      sides.push({ home, browser });
    }
  });

  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
  });

  afterAll(async () => {
    await Promise.all(sides.map(({ browser }) => browser.close()));
    const exit = await site?.stop();
    lab.remove();
    expect(exit).toEqual({ code: 0, signal: undefined });
  });

  async function enter(
    side: (typeof sides)[number] | undefined,
    nat: NatKind,
    name: string,
  ): Promise<CallPage> {
    const { home, browser } = side as (typeof sides)[number];
    home.setNat(nat);
    const tab = await browser.newTab();
    tabs.push(tab);
    return CallPage.join(tab, site.url, { room: `room ${rooms}`, name });
  }

  test.each([
    ["full-cone", "full-cone", "direct"],
    ["full-cone", "port-restricted", "direct"],
    ["full-cone", "symmetric", "direct"],
    ["full-cone", "udp-blocked", "relayed"],
    ["full-cone", "only-tcp-443", "relayed"],
    ["port-restricted", "port-restricted", "direct"],
    ["port-restricted", "symmetric", "relayed"],
    ["port-restricted", "udp-blocked", "relayed"],
    ["port-restricted", "only-tcp-443", "relayed"],
    ["symmetric", "symmetric", "relayed"],
    ["symmetric", "udp-blocked", "relayed"],
    ["symmetric", "only-tcp-443", "relayed"],
    ["udp-blocked", "udp-blocked", "relayed"],
    ["udp-blocked", "only-tcp-443", "relayed"],
    ["only-tcp-443", "only-tcp-443", "relayed"],
  ] as const)("%s and %s: %s, 200 messages each way", async (annsNat, bobsNat, path) => {
    rooms++;
    const ann = await enter(sides[0], annsNat, "Ann");
    await ann.reaches("waiting");
    const bob = await enter(sides[1], bobsNat, "Bob");
    await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);

    await exchangeMessages(ann, bob);
    await expectPath(path, ann, bob);
    await hangUp(ann, bob);
    await site.server.isIdle();
    expectNoErrors(ann, bob);
  });
});
