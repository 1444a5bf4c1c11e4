/** Browsers reach the relay over UDP, TCP and TLS, and over TCP and TLS on the ports that serve the page. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { eventually } from "./support/eventually.ts";
import { launchFirefox } from "./support/firefox.ts";
import { freePort } from "./support/free-port.ts";
import { machineAddress } from "./support/machine-address.ts";
import { isMissing } from "./support/requirements.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { createTestAuthority } from "./support/test-authority.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

interface Seen {
  readonly messages: readonly string[];
  /** Of the local candidate of the selected pair. */
  readonly relayProtocol: string | undefined;
  readonly candidateType: string | undefined;
}

describe.skipIf(isMissing("chromium", "firefox-esr", "certutil"))("a relayed call of two browsers", () => {
  let server: TurnpikeProcess;
  const browsers: Browser[] = [];
  const tabs: Tab[] = [];
  const folder = makeTempDir("authority");
  let tlsPort: number;
  let rooms = 0;

  beforeAll(async () => {
    const { caFile, certFile, keyFile } = await createTestAuthority(folder.path, "localhost");
    tlsPort = await freePort();
    const tls = ["--tls-port", String(tlsPort), "--tls-cert", certFile, "--tls-key", keyFile];
    server = await TurnpikeProcess.start({ flags: ["--user", "ann:correct horse", ...tls] });
    browsers.push(await launchChromium({ caFile }), await launchFirefox({ caFile }));
  });

  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    await server.isIdle();
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    folder.remove();
    expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
  });

  // Firefox wants a name in turns: URLs.
  const urlOf = {
    "the TURN port over UDP": () => `turn:${machineAddress()}:${server.ports.turn}?transport=udp`,
    "the TURN port over TCP": () => `turn:${machineAddress()}:${server.ports.turn}?transport=tcp`,
    "the page's port over TCP": () => `turn:${machineAddress()}:${server.ports.http}?transport=tcp`,
    "the page's port over TLS": () => `turns:localhost:${tlsPort}?transport=tcp`,
  } as const;

  async function enter(browser: Browser, room: string, turnUrl: string): Promise<Tab> {
    const tab = await browser.newTab();
    tabs.push(tab);
    await tab.open(server.url(machineAddress()));
    const iceServers = [{ urls: turnUrl, username: "ann", credential: "correct horse" }];
    await tab.evaluate(`(async () => {
      const { joinRoom } = await import("/client.js");
      window.messages = [];
      window.call = await joinRoom(${JSON.stringify(room)}, {
        iceTransportPolicy: "relay",
        rtcConfiguration: { iceServers: ${JSON.stringify(iceServers)} },
      });
      window.call.on("message", ({ data }) => window.messages.push(data));
      window.call.on("channel-open", () => window.call.send("hello"));
    })()`);
    return tab;
  }

  function look(tab: Tab): Promise<Seen> {
    return tab.evaluate<Seen>(`(async () => {
      const [peer] = window.call.peers.values();
      const stats = new Map((await peer?.connection.getStats()) ?? []);
      const pairs = [...stats.values()].filter(({ type, nominated, state }) =>
        type === "candidate-pair" && nominated && state === "succeeded");
      const local = stats.get(pairs.at(-1)?.localCandidateId);
      return {
        messages: window.messages,
        relayProtocol: local?.relayProtocol,
        candidateType: local?.candidateType,
      };
    })()`);
  }

  test.each([
    ["the TURN port over UDP", "udp"],
    ["the TURN port over TCP", "tcp"],
    ["the page's port over TCP", "tcp"],
    ["the page's port over TLS", "tls"],
  ] as const)("through %s: Chromium and Firefox hear each other", async (way, transport) => {
    const url = urlOf[way]();
    const room = `transport ${++rooms}`;
    const both: Tab[] = [];
    for (const browser of browsers) both.push(await enter(browser, room, url));
    for (const tab of both) {
      const seen = await eventually(
        "a word from the other over the relay",
        () => look(tab),
        ({ messages, relayProtocol }) => messages.length > 0 && relayProtocol !== undefined,
        20_000,
      );
      expect(seen).toEqual({ messages: ["hello"], relayProtocol: transport, candidateType: "relay" });
    }
    const left = "window.call.leave()";
    await both[0]?.evaluate(left);
  });
});
