/** The server stands behind a 1:1 NAT without hairpin, as in most clouds; both callers sit behind home routers. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser } from "./support/browser.ts";
import { CallPage } from "./support/call-page.ts";
import { run } from "./support/child-process.ts";
import { launchChromium } from "./support/chromium.ts";
import { exchangeMessages, expectNoErrors, expectRelayedBothWays, hangUp } from "./support/conversation.ts";
import { type Machine, type NattedServer, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const PORTS = { http: 80, turn: 3478, admin: 9090 };

describe.skipIf(isMissing("chromium", "namespaces"))("behind a 1:1 NAT without hairpin", () => {
  let lab: NetworkLab;
  let site: NattedServer;
  let server: TurnpikeProcess;
  const browsers: Browser[] = [];

  beforeAll(async () => {
    lab = new NetworkLab();
    site = lab.addNattedServer("srv");
    const homes: Machine[] = [lab.addHome("ann", "port-restricted"), lab.addHome("bob", "port-restricted")];
    server = await TurnpikeProcess.start({
      prefix: site.prefix,
      ports: PORTS,
      flags: ["--external-ip", site.publicAddress, "--public-host", site.publicAddress],
    });
    for (const { prefix } of homes) browsers.push(await launchChromium({ prefix }));
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    const exit = await server?.stop();
    lab.remove();
    expect(exit).toEqual({ code: 0, signal: undefined });
  });

  test("the NAT of this test loses what the server sends to its own public address", async () => {
    const before = site.hairpinPackets();
    const script = `const s = require("dgram").createSocket("udp4");
      s.send("lost?", ${PORTS.turn}, "${site.publicAddress}", () => s.close())`;
    await run([...site.prefix, process.execPath, "-e", script]);
    expect(site.hairpinPackets()).toBe(before + 1);
  });

  test("two homes call each other, relay only: 200 messages each way", async () => {
    const hairpinsBefore = site.hairpinPackets();
    const join = async (browser: Browser | undefined, name: string) => {
      const tab = await (browser as Browser).newTab();
      const url = `http://${site.publicAddress}/`;
      return CallPage.join(tab, url, { room: "over the NAT", name, relayOnly: true });
    };
    const ann = await join(browsers[0], "Ann");
    await ann.reaches("waiting");
    const bob = await join(browsers[1], "Bob");
    await Promise.all([ann.reaches("connected"), bob.reaches("connected")]);

    await exchangeMessages(ann, bob);
    await expectRelayedBothWays(ann, bob);
    for (const page of [ann, bob]) {
      const { pair } = await page.facts();
      expect(pair).toMatchObject({ localAddress: site.publicAddress, remoteAddress: site.publicAddress });
    }
    await hangUp(ann, bob);
    await server.isIdle();
    // What goes from member to member never leaves the process: nothing was there for the NAT to lose.
    expect(site.hairpinPackets()).toBe(hairpinsBefore);
    expectNoErrors(ann, bob);
  });
});
