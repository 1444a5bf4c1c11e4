/** A server is drained in the middle of a call, and names another one: the call moves there, and the first server ends by itself. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { CallWatch } from "./support/call-watch.ts";
import { launchChromium } from "./support/chromium.ts";
import { expectNoErrors, expectPath, expectTalk, hangUp } from "./support/conversation.ts";
import { eventually } from "./support/eventually.ts";
import { NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TlsSite } from "./support/tls-site.ts";

/** Its members' seats wait for so long when they have moved, and a second for the sweep. */
const RESUME_SECONDS = 5;
const ENDS_WITHIN_MS = 15_000;

describe.skipIf(isMissing("chromium", "certutil", "namespaces"))("a drained server in Chromium", () => {
  let lab: NetworkLab;
  let [first, second]: TlsSite[] = [];
  const browsers: Browser[] = [];
  const tabs: Tab[] = [];

  beforeAll(async () => {
    lab = new NetworkLab();
    first = await TlsSite.start(lab, { name: "a", flags: ["--resume-seconds", String(RESUME_SECONDS)] });
    second = await TlsSite.start(lab, { name: "b", beside: first });
    for (const name of ["ann", "bob"]) {
      const home = lab.addHome(name, "port-restricted");
      browsers.push(await launchChromium({ prefix: home.prefix, caFile: first.caFile }));
    }
  });

  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    const exits = [await first?.stop(), await second?.stop()];
    lab.remove();
    for (const exit of exits) expect(exit).toEqual({ code: 0, signal: undefined });
  });

  async function enter(index: 0 | 1, name: string): Promise<CallPage> {
    const tab = await (browsers[index] as Browser).newTab();
    tabs.push(tab);
    return CallPage.join(tab, (first as TlsSite).url, { room: "moving", name, media: true });
  }

  test("a direct call moves to the server that is named, without a word lost, and the drained one ends", async () => {
    const [from, to] = [first as TlsSite, second as TlsSite];
    const ann = await enter(0, "Ann");
    await ann.reaches("waiting");
    const bob = await enter(1, "Bob");
    const pages = [ann, bob];
    await Promise.all(pages.map((page) => page.reaches("connected")));
    await expectPath("direct", ann, bob);
    const watches = await Promise.all(pages.map((page) => CallWatch.start(page)));

    expect(await from.server.drain(to.url)).toMatchObject({ draining: true, rooms: 1, members: 2 });
    for (const [i, watch] of watches.entries()) {
      await eventually(
        `${pages[i]?.name} being in the room of the other server`,
        () => watch.seen(),
        ({ joins }) => joins.length > 0,
      );
    }
    await expectTalk(ann, bob);
    const exit = await eventually(
      "the drained server having ended",
      () => from.server.process.exit,
      Boolean,
      ENDS_WITHIN_MS,
    );
    expect(exit).toEqual({ code: 0, signal: undefined });
    for (const watch of watches)
      expect(await watch.seen()).toMatchObject({ joins: [false], left: [], connections: 1 });

    expect((await to.server.metrics()).total("turnpike_members")).toBe(2);
    await bob.setRelayOnly(true);
    await expectPath("relayed", ann, bob);
    await expectTalk(ann, bob);
    await hangUp(ann, bob);
    await to.server.isIdle();
    expectNoErrors(ann, bob);
  });
});
