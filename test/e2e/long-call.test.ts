/**
 * A call that outlives its credentials ten times, with the secret changed in the middle of it and an ICE restart at the end. In this process,
 * because no setting makes credentials, or allocations, live for seconds only.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConfig } from "../../src/config/parse.ts";
import { createServer, type ServerAddresses, type TurnpikeServer } from "../../src/server.ts";
import type { StunMessage } from "../../src/stun/message.ts";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { launchChromium } from "./support/chromium.ts";
import { expectNoErrors, expectRelayedBothWays, hangUp } from "./support/conversation.ts";
import { machineAddress } from "./support/machine-address.ts";
import { isMissing } from "./support/requirements.ts";

/** Fresh ones come up to a second late, and the end is a whole second: below this they could come too late. */
const CREDENTIAL_SECONDS = 10;
const LIFETIMES = 10;
/** Browsers refresh an allocation after half of so short a life: with credentials that have long expired. */
const ALLOCATION_SECONDS = 10;
/** A relay that is lost costs five seconds at least: so long the SDK waits before it restarts ICE. */
const LONGEST_SILENCE_MS = 3000;
const OLD = "an old secret";
const NEW = "a new secret";

vi.mock("../../src/turn/handlers/allocate-request.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/turn/handlers/allocate-request.ts")>();
  return {
    ...original,
    readWanted(...args: Parameters<typeof original.readWanted>) {
      const wanted = original.readWanted(...args);
      return wanted.kind === "wanted" ? { ...wanted, lifetimeSeconds: ALLOCATION_SECONDS } : wanted;
    },
    readLifetime(message: StunMessage) {
      const seconds = original.readLifetime(message);
      return seconds === undefined || seconds === 0 ? seconds : ALLOCATION_SECONDS;
    },
  };
});

describe.skipIf(isMissing("chromium"))("a long relayed call in Chromium", () => {
  let server: TurnpikeServer;
  let addresses: ServerAddresses;
  let browser: Browser;
  const tabs: Tab[] = [];

  beforeAll(async () => {
    const ports = { httpPort: 0, turnPort: 0, adminPort: 0 };
    const config = parseConfig({ ...ports, secrets: [OLD], logLevel: "silent", shutdownSeconds: 1 });
    server = createServer({ ...config, ttlSeconds: CREDENTIAL_SECONDS });
    addresses = await server.start();
    browser = await launchChromium({ secureOrigin: new URL(url()).origin });
  });

  afterAll(async () => {
    await Promise.all(tabs.map((tab) => tab.close()));
    await browser.close();
    await server.close();
  });

  const url = () => `http://${machineAddress()}:${addresses.http[0]?.port}/`;

  async function enter(name: string): Promise<CallPage> {
    const tab = await browser.newTab();
    tabs.push(tab);
    return CallPage.join(tab, url(), { room: "long call", name, relayOnly: true, media: true });
  }

  /** Requests that were answered with this code; 0 is success. */
  async function answered(method: string, code: number): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${addresses.admin[0]?.port}/metrics`)).text();
    const line = page.split("\n").find((one) => one.includes(`{method="${method}",code="${code}"}`));
    return Number(line?.split(" ")[1] ?? 0);
  }

  test("ten credential lifetimes and a change of secret, and nobody hears a gap; an ICE restart finds new relays then", async () => {
    const pages = [await enter("Ann"), await enter("Bob")] as const;
    const [ann, bob] = pages;
    await expectRelayedBothWays(ann, bob);
    for (const page of pages) {
      await page.factsWhen("sound of the other", ({ audioPackets = 0 }) => audioPackets > 10);
      await page.watchSound();
    }

    const secretsInTime = [[OLD], [NEW, OLD], [NEW]];
    for (const secrets of secretsInTime) {
      server.changeCredentials({ secrets });
      await delay((CREDENTIAL_SECONDS * LIFETIMES * 1000) / secretsInTime.length);
      await expectRelayedBothWays(ann, bob);
    }
    for (const page of pages) expect(await page.longestSilenceMs()).toBeLessThan(LONGEST_SILENCE_MS);
    // Each of the two has refreshed its allocation every few seconds.
    expect(await answered("refresh", 0)).toBeGreaterThan(2 * LIFETIMES);
    expect(await answered("refresh", 401)).toBe(0);

    const { pair: before } = await ann.facts();
    await ann.restartIce();
    await ann.factsWhen(
      "another relay",
      ({ pair }) => pair?.local === "relay" && pair.localPort !== before?.localPort,
    );
    await expectRelayedBothWays(ann, bob);
    for (const page of pages) expect(await page.longestSilenceMs()).toBeLessThan(LONGEST_SILENCE_MS);
    expect(await answered("allocate", 486)).toBe(0);
    await hangUp(ann, bob);
    expectNoErrors(ann, bob);
  }, 200_000);
});
