/** The closed relay costs a call no time: it connects as fast as over a relay that is open to the world. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { launchFirefox } from "./support/firefox.ts";
import { NetworkLab } from "./support/network-lab.ts";
import { type RawCallOptions, RawPage } from "./support/raw-page.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

const RUNS = 10;
/** What a closed relay may take longer, of the medians. */
const ALLOWANCE_MS = 100;

const POLICIES = ["room", "public"] as const;
type Policy = (typeof POLICIES)[number];

/** Of the one whose time is taken; the other's is Chromium. */
const ANNS: readonly [string, typeof launchChromium | typeof launchFirefox][] = [
  ["Chromium", launchChromium],
  ["Firefox", launchFirefox],
];

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil", "namespaces")).each(ANNS)(
  "the time to connect, in %s",
  (_name, launchAnns) => {
    let lab: NetworkLab;
    const sites = new Map<Policy, TlsSite>();
    const browsers: Browser[] = [];
    /** Ann and Bob, on a page of each server that they do not leave. */
    const pages = new Map<Policy, readonly RawPage[]>();
    let rooms = 0;

    beforeAll(async () => {
      lab = new NetworkLab();
      const closed = await TlsSite.start(lab, { name: "closed", flags: ["--relay-to", "room"] });
      sites.set("room", closed);
      const flags = ["--relay-to", "public"];
      sites.set("public", await TlsSite.start(lab, { name: "open", flags, beside: closed }));
      for (const [name, launch] of [
        ["ann", launchAnns],
        ["bob", launchChromium],
      ] as const) {
        const { prefix } = lab.addHome(name, "symmetric");
        browsers.push(await launch({ prefix, caFile: closed.caFile }));
      }
      for (const [policy, { url }] of sites) {
        const open = async (browser: Browser) => RawPage.open(await browser.newTab(), url, policy);
        pages.set(policy, await Promise.all(browsers.map(open)));
      }
    });

    afterAll(async () => {
      await Promise.all(browsers.map((browser) => browser.close()));
      const exits = await Promise.all([...sites.values()].map((site) => site.stop()));
      lab.remove();
      expect(exits).toEqual(sites.size === 0 ? [] : Array(sites.size).fill({ code: 0, signal: undefined }));
    });

    async function connect(policy: Policy, options: readonly Side[]): Promise<number> {
      const both = pages.get(policy) as readonly RawPage[];
      const room = `room ${++rooms}`;
      for (const [i, page] of both.entries()) {
        await page.join({ room, trickle: true, ...(options[i] as Side) });
      }
      const [connectedMs] = await Promise.all(both.map((page) => page.connected()));
      await both[0]?.leave();
      await sites.get(policy)?.server.isIdle();
      return connectedMs as number;
    }

    const relay: Side = { relayOnly: true, servers: "all" };
    test.each<[string, readonly Side[]]>([
      ["both use relays only (inside)", [relay, relay]],
      [
        "one uses relays only, the other has an allocation too (known)",
        [relay, { relayOnly: false, servers: "all" }],
      ],
      [
        "one uses relays only, the other has STUN alone (claimed, proven)",
        [relay, { relayOnly: false, servers: "stun" }],
      ],
    ])("%s: medians of ten within 100 ms", async (what, sides) => {
      const times: Record<Policy, number[]> = { room: [], public: [] };
      for (let run = 0; run < RUNS; run++) {
        // Neither is always the first of the two.
        const inTurn = run % 2 === 0 ? POLICIES : POLICIES.toReversed();
        for (const policy of inTurn) times[policy].push(await connect(policy, sides));
      }
      const [closed, open] = [median(times.room), median(times.public)];
      const spread = (list: readonly number[]) =>
        list
          .map(Math.round)
          .toSorted((a, b) => a - b)
          .join(" ");
      console.log(
        `${what}: relayTo room ${closed} ms (${spread(times.room)}), public ${open} ms (${spread(times.public)})`,
      );
      expect(closed - open).toBeLessThan(ALLOWANCE_MS);
    });
  },
);

type Side = Pick<RawCallOptions, "relayOnly" | "servers">;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return Math.round(middle.reduce((sum, value) => sum + value, 0) / middle.length);
}
