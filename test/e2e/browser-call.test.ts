/** Two people call each other through the page, from two browsers on this machine. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage, type ConnectionFacts, type JoinOptions, type PageState } from "./support/call-page.ts";
import { launchChromium } from "./support/chromium.ts";
import {
  exchangeMessages,
  expectNoErrors,
  expectRelayedBothWays,
  expectTalk,
  hangUp,
} from "./support/conversation.ts";
import { eventually } from "./support/eventually.ts";
import { launchFirefox } from "./support/firefox.ts";
import { machineAddress } from "./support/machine-address.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

/** How long a turned switch may take to show in the path. */
const SWITCH_MS = 10_000;
/** A lost socket is sought again within half a second, and once more within a second. */
const RETURN_MS = 3000;
/** Sockets that another one took the seat from. */
const REPLACED = 'turnpike_connections_closed_total{code="4001"}';

describe.skipIf(isMissing("chromium", "firefox-esr"))("a call through the page", () => {
  let server: TurnpikeProcess;
  let url: string;
  const browsers = new Map<Browser["name"], Browser>();
  const tabs: Tab[] = [];
  const pages: CallPage[] = [];
  let rooms = 0;

  beforeAll(async () => {
    // As a user starts it: nothing but the ports is told.
    server = await TurnpikeProcess.start();
    url = server.url(machineAddress());
    const options = { secureOrigin: new URL(url).origin };
    browsers.set("chromium", await launchChromium(options));
    browsers.set("firefox", await launchFirefox(options));
  });

  afterEach(async ({ task }) => {
    const joined = pages.splice(0);
    if (task.result?.state === "fail") for (const page of joined) console.error(await page.states());
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    await server.isIdle();
  });

  afterAll(async () => {
    await Promise.all([...browsers.values()].map((browser) => browser.close()));
    expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
  });

  async function call(
    [first, second]: readonly [Browser["name"], Browser["name"]],
    options: Omit<JoinOptions, "room" | "name">,
    page = url,
  ): Promise<readonly [CallPage, CallPage]> {
    const room = `room ${++rooms}`;
    const enter = async (browser: Browser["name"], name: string) => {
      const tab = await (browsers.get(browser) as Browser).newTab();
      tabs.push(tab);
      const joined = await CallPage.join(tab, page, { ...options, room, name });
      pages.push(joined);
      return joined;
    };
    const ann = await enter(first, "Ann");
    await ann.reaches("waiting");
    const bob = await enter(second, "Bob");
    await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);
    return [ann, bob];
  }

  const pairs = [
    ["chromium", "chromium"],
    ["chromium", "firefox"],
    ["firefox", "chromium"],
  ] as const;

  describe.each(pairs)("%s calls %s", (first, second) => {
    test("relay only: 200 messages each way, relayed on both sides; then nothing is left", async () => {
      const before = await server.metrics();
      const [ann, bob] = await call([first, second], { relayOnly: true });
      await exchangeMessages(ann, bob);
      await expectRelayedBothWays(ann, bob);

      const during = await server.metrics();
      expect(during.total("turnpike_rooms")).toBe(1);
      expect(during.total("turnpike_allocations")).toBeGreaterThanOrEqual(2);
      const relayed = (metrics: typeof before) => metrics.total("turnpike_relayed_packets_total");
      expect(relayed(during) - relayed(before)).toBeGreaterThan(100);

      await hangUp(ann, bob);
      await server.isIdle();
      expectNoErrors(ann, bob);
    });

    test("relay only, with camera and microphone: both see and hear the other", async () => {
      const [ann, bob] = await call([first, second], { relayOnly: true, media: true });
      for (const page of [ann, bob]) {
        const hasMedia = ({ framesDecoded = 0, audioPackets = 0 }) => framesDecoded > 10 && audioPackets > 10;
        await page.factsWhen("picture and sound of the other", hasMedia);
      }
      await expectRelayedBothWays(ann, bob);
      await hangUp(bob, ann);
      await server.isIdle();
      expectNoErrors(ann, bob);
    });

    test("a page that is loaded again, twice in a row, is back in its call", async () => {
      const [ann, bob] = await call([first, second], { relayOnly: true });
      for (const page of [bob, ann]) {
        await page.reload();
        await page.reload();
        await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);
        await expectRelayedBothWays(ann, bob);
      }
      await hangUp(ann, bob);
      await server.isIdle();
      expectNoErrors(ann, bob);
    });

    test("relay only, turned on by one in a direct call and off again: at once, and both go on talking", async () => {
      const [ann, bob] = await call([first, second], {});
      await factsOfBoth([ann, bob], "a direct pair", ({ pair }) => isDirect(pair));
      for (const [turner, other] of [
        [ann, bob],
        [bob, ann],
      ] as const) {
        await turner.setRelayOnly(true);
        await turner.factsWhen("its own relay in use", ({ pair }) => pair?.local === "relay", SWITCH_MS);
        await eventually(
          "the other's page telling the relay of this side",
          () => other.shownPath(),
          ({ relayed, remoteType }) => relayed === "true" && remoteType === "relay",
        );
        await expectTalk(turner, other);
        expect((await turner.facts()).pair).toMatchObject({ local: "relay" });
        await eventually(
          "the page telling the relay",
          () => turner.shownPath(),
          ({ relayed, localType }) => relayed === "true" && localType === "relay",
        );
        await turner.setRelayOnly(false);
        await factsOfBoth([turner, other], "a direct pair again", ({ pair }) => isDirect(pair));
        await expectTalk(turner, other);
      }
      for (const page of [ann, bob]) expect((await page.facts()).open).toBe(1);
      await hangUp(ann, bob);
      expectNoErrors(ann, bob);
    });

    test("relay only, turned on by both at the same moment, with camera", async () => {
      const [ann, bob] = await call([first, second], { media: true });
      await factsOfBoth([ann, bob], "a direct pair", ({ pair }) => isDirect(pair));
      await ann.turnMicrophone();
      await bob.showsMicrophone("off");
      await Promise.all([ann.setRelayOnly(true), bob.setRelayOnly(true)]);
      // Where two offers meet, a browser may know the other's relay by its packets only: as prflx.
      await factsOfBoth([ann, bob], "its own relay in use", ({ pair }) => pair?.local === "relay");
      await factsOfBoth([ann, bob], "the other's picture", ({ framesDecoded = 0 }) => framesDecoded > 10);
      await expectTalk(ann, bob);
      await bob.showsMicrophone("off");
      await ann.showsMicrophone("on");
      await hangUp(ann, bob);
      expectNoErrors(ann, bob);
    });

    test("direct where nothing forbids it, and the page says so", async () => {
      const [ann, bob] = await call([first, second], {});
      await exchangeMessages(ann, bob);
      for (const page of [ann, bob]) {
        const { pair } = await page.factsWhen("a direct pair", ({ pair }) => isDirect(pair));
        const shown = await page.shownPath();
        expect(shown).toMatchObject({ relayed: "false", localType: pair?.local });
        expect(shown.text).toMatch(/direct/i);
      }
      await hangUp(ann, bob);
      expectNoErrors(ann, bob);
    });
  });

  test("a tab that is duplicated with its seat has the call from then on, and the first one does not fight for it", async () => {
    const replaced = async () => (await server.metrics()).count(REPLACED);
    const before = await replaced();
    const [ann, bob] = await call(["chromium", "chromium"], {});
    await ann.duplicate();
    await ann.reaches("ended");
    const isConnected = (state: PageState | undefined) => state === "connected";
    await eventually("the duplicate being in the call", () => ann.duplicateState(), isConnected);
    await bob.reaches("connected");
    // By when a page that wanted its seat back would have it.
    await delay(RETURN_MS);
    expect((await replaced()) - before).toBe(1);
    expect(await ann.duplicateState()).toBe("connected");
    await Promise.all([ann.reaches("ended"), bob.reaches("connected")]);
    await bob.hangUp();
    await server.isIdle();
  });

  test("on http://localhost, as the README has it: relay only, with camera", async () => {
    const [ann, bob] = await call(
      ["chromium", "chromium"],
      { relayOnly: true, media: true },
      server.url("localhost"),
    );
    await exchangeMessages(ann, bob);
    await expectRelayedBothWays(ann, bob);
    await hangUp(ann, bob);
    await server.isIdle();
    expectNoErrors(ann, bob);
  });
});

async function factsOfBoth(
  pages: readonly CallPage[],
  what: string,
  accept: (facts: ConnectionFacts) => boolean,
): Promise<void> {
  await Promise.all(pages.map((page) => page.factsWhen(what, accept, SWITCH_MS)));
}

function isDirect(pair: { readonly local: string; readonly remote: string } | undefined): boolean {
  return pair !== undefined && pair.local !== "relay" && pair.remote !== "relay";
}
