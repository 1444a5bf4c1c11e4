/** A browser's call that may only go through the relay. */

import {
  formatTransportAddress,
  type IpAddress,
  parseIp,
  type TransportAddress,
} from "../../src/stun/address.ts";
import { ALICE, REALM } from "../conformance/target.ts";
import { launchChromium } from "../e2e/support/chromium.ts";
import { machineAddress } from "../e2e/support/machine-address.ts";
import { isMissing } from "../e2e/support/requirements.ts";
import { withRelay } from "./relays.ts";
import type { Row } from "./row.ts";
import { openShortLifetimeProxy } from "./short-lifetime-proxy.ts";

/** Chromium refreshes after half of a lifetime that is shorter than two minutes. */
const LIFETIME_SECONDS = 4;
const PATIENCE_MS = 10_000;

const GOES_ON = "connects, and goes on";
const FALLS_SILENT = "connects, and falls silent when the browser refreshes";

export function browserRow(): Row {
  const hindrance = isMissing("chromium") ? "no Chromium here: run test/e2e/setup-debian.sh" : undefined;
  return {
    package: "node-turn",
    title: "a call of two relay-only RTCPeerConnections of Chromium",
    expected: GOES_ON,
    stated: FALLS_SILENT,
    ...(hindrance !== undefined && { hindrance }),
    observe(whose) {
      const ip = parseIp(machineAddress()) as IpAddress;
      return withRelay(whose, ({ relay }) => observeCall(ip, relay.address), ip);
    },
  };
}

async function observeCall(ip: IpAddress, server: TransportAddress): Promise<string> {
  const proxy = await openShortLifetimeProxy(ip, {
    server,
    credentials: ALICE,
    realm: REALM,
    lifetimeSeconds: LIFETIME_SECONDS,
  });
  const browser = await launchChromium();
  try {
    const tab = await browser.newTab();
    await tab.open("about:blank");
    const urls = `turn:${formatTransportAddress(proxy.address)}?transport=udp`;
    const iceServers = [{ urls, username: ALICE.username, credential: ALICE.password }];
    const settings = JSON.stringify({
      iceServers,
      pauseMs: LIFETIME_SECONDS * 1000,
      patienceMs: PATIENCE_MS,
    });
    const heard = await tab.evaluate<string[]>(`(${CALL_IN_PAGE})(${settings})`);
    if (!heard.includes("first")) return `not connected after ${PATIENCE_MS / 1000} s`;
    return heard.includes("last") ? GOES_ON : FALLS_SILENT;
  } finally {
    await browser.close();
    await proxy.close();
  }
}

/** Runs in the page: says "first" when the channel is open and "last" after the pause; what the other heard. */
const CALL_IN_PAGE = `async ({ iceServers, pauseMs, patienceMs }) => {
  const configuration = { iceServers, iceTransportPolicy: "relay" };
  const [one, other] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
  for (const [from, to] of [[one, other], [other, one]]) {
    from.onicecandidate = ({ candidate }) => void to.addIceCandidate(candidate);
  }
  const heard = [];
  const waiting = new Map();
  const hears = (word) => new Promise((resolve) => {
    waiting.set(word, resolve);
    setTimeout(resolve, patienceMs);
  });
  other.ondatachannel = ({ channel }) => {
    channel.onmessage = ({ data }) => {
      heard.push(data);
      waiting.get(data)?.();
    };
  };
  const channel = one.createDataChannel("test");
  channel.onopen = () => channel.send("first");
  const first = hears("first");
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription);
  await first;
  if (heard.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const last = hears("last");
    if (channel.readyState === "open") channel.send("last");
    await last;
  }
  for (const connection of [one, other]) connection.close();
  return heard;
}`;
