/** A phone goes from one network to another in the middle of a relayed call: for five seconds there is none, then it has another address. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { CallWatch } from "./support/call-watch.ts";
import { launchChromium } from "./support/chromium.ts";
import { expectRelayedBothWays, expectTalk, hangUp } from "./support/conversation.ts";
import { eventually } from "./support/eventually.ts";
import { type Home, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

const CUT_MS = 5000;
/** From the moment at which there is a network again. */
const BACK_WITHIN_MS = 10_000;

describe.skipIf(isMissing("chromium", "certutil", "namespaces"))(
  "a relayed call in Chromium, one member's network cut and then another one",
  () => {
    let lab: NetworkLab;
    let site: TlsSite;
    const sides: { readonly home: Home; readonly browser: Browser }[] = [];
    const tabs: Tab[] = [];

    beforeAll(async () => {
      lab = new NetworkLab();
      site = await TlsSite.start(lab);
      for (const name of ["ann", "bob"]) {
        const home = lab.addHome(name, "symmetric");
        sides.push({ home, browser: await launchChromium({ prefix: home.prefix, caFile: site.caFile }) });
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

    async function enter(index: 0 | 1, name: string, room: string): Promise<CallPage> {
      const tab = await (sides[index] as (typeof sides)[number]).browser.newTab();
      tabs.push(tab);
      return CallPage.join(tab, site.url, { room, name, media: true, relayOnly: true });
    }

    test.each([
      ["who came first", 0],
      ["who came second", 1],
    ] as const)("of the one %s", async (_who, index) => {
      const ann = await enter(0, "Ann", `cut ${index}`);
      await ann.reaches("waiting");
      const bob = await enter(1, "Bob", `cut ${index}`);
      const pages = [ann, bob];
      await Promise.all(pages.map((page) => page.reaches("connected")));
      await expectRelayedBothWays(ann, bob);
      await expectTalk(ann, bob);
      const watches = await Promise.all(pages.map((page) => CallWatch.start(page)));
      const fragments = await Promise.all(watches.map((watch) => watch.iceFragment()));
      const { home } = sides[index] as (typeof sides)[number];

      const mend = home.cut();
      await delay(CUT_MS);
      home.move();
      mend();
      const startedAt = performance.now();
      const heard = await Promise.all(watches.map((watch) => watch.soundPackets()));
      await Promise.all(
        watches.map((watch, i) =>
          eventually(
            `${pages[i]?.name} hearing the other again`,
            () => watch.soundPackets(),
            (packets) => packets > (heard[i] ?? 0) + 10,
            BACK_WITHIN_MS,
          ),
        ),
      );
      await expectTalk(ann, bob);
      expect(performance.now() - startedAt).toBeLessThan(BACK_WITHIN_MS);

      await Promise.all(pages.map((page) => page.reaches("connected")));
      await expectRelayedBothWays(ann, bob);
      const [mover, other] = [watches[index], watches[1 - index]] as [CallWatch, CallWatch];
      const [moved, stayed] = [await mover.seen(), await other.seen()];
      for (const { connections, left, statuses } of [moved, stayed])
        expect([connections, left, statuses[0], statuses.at(-1)]).toEqual([1, [], "Connected", "Connected"]);
      // The seat was taken back, by the one whose network changed and by nobody else.
      expect([moved.joins, stayed.joins]).toEqual([[true], []]);
      expect(
        moved.statuses.some(
          (status) => status.includes("looking for the server") || status.includes("Looking for the server"),
        ),
      ).toBe(true);
      for (const [i, watch] of watches.entries()) expect(await watch.iceFragment()).not.toBe(fragments[i]);
      await hangUp(ann, bob);
      await site.server.isIdle();
    });
  },
);
