/** The server is restarted while two people talk over a direct connection: they go on talking, and what is negotiated afterwards works. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { CallWatch } from "./support/call-watch.ts";
import { launchChromium } from "./support/chromium.ts";
import {
  expectNoErrors,
  expectPath,
  expectRelayedBothWays,
  expectTalk,
  hangUp,
} from "./support/conversation.ts";
import { eventually } from "./support/eventually.ts";
import { launchFirefox } from "./support/firefox.ts";
import { NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

const SIGNALING_URL = "wss://call.turnpike.test/signal";
/** How long the server is away: the pages try to find it meanwhile. */
const DOWN_MS = 2000;
/** Sound comes every 20 ms: nobody hears a gap of this length as an end. */
const LONGEST_SILENCE_MS = 1500;

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces"))(
  "the server restarted under a direct call",
  () => {
    let lab: NetworkLab;
    let site: TlsSite;
    /** Ann's, and Bob's. */
    const machines: ReadonlyMap<Browser["name"], Browser>[] = [];
    const tabs: Tab[] = [];
    const pages: CallPage[] = [];
    let rooms = 0;

    beforeAll(async () => {
      lab = new NetworkLab();
      site = await TlsSite.start(lab, { flags: ["--shutdown-seconds", "2"] });
      for (const name of ["ann", "bob"]) {
        const home = lab.addHome(name, "port-restricted");
        const options = { prefix: home.prefix, caFile: site.caFile };
        const browsers = await Promise.all([launchChromium(options), launchFirefox(options)]);
        machines.push(new Map(browsers.map((browser) => [browser.name, browser])));
      }
    });

    afterEach(async ({ task }) => {
      const joined = pages.splice(0);
      if (task.result?.state === "fail") for (const page of joined) console.error(await page.states());
      await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    });

    afterAll(async () => {
      await Promise.all(machines.flatMap((browsers) => [...browsers.values()]).map((one) => one.close()));
      const exit = await site?.stop();
      lab.remove();
      expect(exit).toEqual({ code: 0, signal: undefined });
    });

    async function enter(
      index: 0 | 1,
      name: string,
      browser: Browser["name"],
      relayOnly = false,
    ): Promise<CallPage> {
      const browsers = machines[index] as (typeof machines)[number];
      const tab = await (browsers.get(browser) as Browser).newTab();
      tabs.push(tab);
      const page = await CallPage.join(tab, site.url, {
        room: `room ${rooms}`,
        name,
        media: true,
        relayOnly,
      });
      pages.push(page);
      return page;
    }

    async function directCall(
      anns: Browser["name"],
      bobs: Browser["name"],
    ): Promise<readonly [CallPage, CallPage]> {
      rooms++;
      const ann = await enter(0, "Ann", anns);
      await ann.reaches("waiting");
      const bob = await enter(1, "Bob", bobs);
      await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);
      await expectPath("direct", ann, bob);
      return [ann, bob];
    }

    async function backAgain(watches: readonly CallWatch[]): Promise<void> {
      for (const [i, watch] of watches.entries()) {
        const name = pages[i]?.name ?? "";
        await eventually(
          `${name} being in the room again, with the other`,
          () => watch.seen(),
          ({ joins, statuses }) => joins.length > 0 && statuses.at(-1) === "Connected",
        );
      }
    }

    test.each([
      ["SIGTERM", "chromium", "chromium"],
      ["SIGKILL", "chromium", "chromium"],
      ["SIGTERM", "chromium", "firefox"],
      ["SIGKILL", "firefox", "chromium"],
    ] as const)(
      "by %s, %s with %s: both go on talking, and a track and the relay switch afterwards work",
      async (signal, anns, bobs) => {
        const [ann, bob] = await directCall(anns, bobs);
        await expectTalk(ann, bob);
        const watches = await Promise.all(pages.map((page) => CallWatch.start(page)));
        for (const page of pages) await page.watchSound();

        await site.server.end(signal);
        for (const [i, page] of pages.entries())
          await eventually(
            `${page.name}'s page saying that the server is gone`,
            async () => (await watches[i]?.seen())?.statuses.at(-1),
            (status) => status === "Connected; looking for the server",
          );
        await expectTalk(ann, bob);
        await delay(DOWN_MS);
        await site.startAgain();
        await backAgain(watches);
        await expectTalk(ann, bob);

        for (const [i, page] of pages.entries()) {
          expect(await watches[i]?.seen()).toMatchObject({
            joins: [false],
            left: [],
            connections: 1,
            notice: expect.stringContaining("Your call went on"),
          });
          expect(await page.longestSilenceMs(), page.name).toBeLessThan(LONGEST_SILENCE_MS);
        }

        // A negotiation of the connection that went on: a screen, say.
        await bob.sendAnotherTrack();
        await ann.factsWhen("two moving pictures of the other", ({ videos = 0 }) => videos === 2);
        // And a new connection, over the new server's relay.
        await ann.setRelayOnly(true);
        await ann.factsWhen("its own relay in use", ({ pair }) => pair?.local === "relay");
        await expectTalk(ann, bob);
        await ann.setRelayOnly(false);
        await expectPath("direct", ann, bob);
        await hangUp(ann, bob);
        await site.server.isIdle();
        // What browsers say of a WebSocket that nobody answers, and no more.
        for (const { tab } of pages)
          expect(tab.errors.filter((error) => !error.includes(SIGNALING_URL))).toEqual([]);
      },
    );

    test("a relayed call breaks off with the relay, and is made anew when both are back", async () => {
      rooms++;
      const ann = await enter(0, "Ann", "chromium", true);
      await ann.reaches("waiting");
      const bob = await enter(1, "Bob", "chromium", true);
      await Promise.all(pages.map((page) => page.reaches("connected")));
      await expectTalk(ann, bob);
      const watches = await Promise.all(pages.map((page) => CallWatch.start(page)));
      await site.server.end("SIGKILL");
      await site.startAgain();
      await backAgain(watches);
      await expectRelayedBothWays(ann, bob);
      await expectTalk(ann, bob);
      for (const watch of watches) expect((await watch.seen()).joins).toEqual([false]);
      await hangUp(ann, bob);
      await site.server.isIdle();
    });

    test("one who waits alone waits again, and whoever comes then is met", async () => {
      rooms++;
      const ann = await enter(0, "Ann", "chromium");
      await ann.reaches("waiting");
      const watch = await CallWatch.start(ann);
      await site.server.end("SIGTERM");
      await ann.reaches("reconnecting");
      await site.startAgain();
      await ann.reaches("waiting");
      expect((await watch.seen()).joins).toEqual([false]);
      const bob = await enter(1, "Bob", "chromium");
      await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);
      await expectTalk(ann, bob);
      await hangUp(ann, bob);
      await site.server.isIdle();
      expectNoErrors(bob);
    });
  },
);
