/** Browsers reach the relay over UDP and over TCP, and over TCP on the port that serves the page. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Tab } from "./support/browser.ts";
import { launchChromium } from "./support/chromium.ts";
import { eventually } from "./support/eventually.ts";
import { launchFirefox } from "./support/firefox.ts";
import { machineAddress } from "./support/machine-address.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

interface Seen {
  readonly messages: readonly string[];
  /** Of the local candidate of the selected pair. */
  readonly relayProtocol: string | undefined;
  readonly candidateType: string | undefined;
}

describe.skipIf(isMissing("chromium", "firefox-esr"))("a relayed call of two browsers", () => {
  let server: TurnpikeProcess;
  const browsers: Browser[] = [];
  const tabs: Tab[] = [];
  let rooms = 0;

  beforeAll(async () => {
    server = await TurnpikeProcess.start({ flags: ["--user", "ann:correct horse"] });
    browsers.push(await launchChromium(), await launchFirefox());
  });

  afterEach(async () => {
    await Promise.all(tabs.splice(0).map((tab) => tab.close()));
    await server.isIdle();
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
  });

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
    ["udp", "the TURN port", "turn"],
    ["tcp", "the TURN port", "turn"],
    ["tcp", "the port of the page", "http"],
  ] as const)("over %s to %s: Chromium and Firefox hear each other", async (transport, _port, purpose) => {
    const url = `turn:${machineAddress()}:${server.ports[purpose]}?transport=${transport}`;
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
