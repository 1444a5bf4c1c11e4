/**
 * The closed relay, as it is by default, carries calls of which one side is relayed and the other is not: where the other's address is
 * known from its own TURN requests, and where it is only claimed in candidates and has to prove itself. Chromium behind home routers.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Browser } from "./support/browser.ts";
import { run } from "./support/child-process.ts";
import { launchChromium } from "./support/chromium.ts";
import { eventually } from "./support/eventually.ts";
import { type Machine, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { SdkCall, type SeenCall } from "./support/sdk-call.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const PORTS = { http: 80, turn: 3478, admin: 9090 };
const PUBLIC_PORTS = { http: 81, turn: 3479, admin: 9091 };
const MESSAGES = 200;
const UNPROVEN = 'turnpike_dropped_packets_total{reason="unproven-target"}';
const CALLS = 10;
const MAX_LATER_MS = 100;
const SLOW_MS = 220_000;

describe.skipIf(isMissing("chromium", "namespaces"))("a call with one side relayed", () => {
  let lab: NetworkLab;
  let site: Machine;
  let server: TurnpikeProcess;
  /** The same with `--relay-to public`. */
  let publicServer: TurnpikeProcess;
  const browsers = new Map<"at home" | "in another home" | "public", Browser>();
  const calls: SdkCall[] = [];
  let rooms = 0;

  beforeAll(async () => {
    lab = new NetworkLab();
    site = lab.addHost("srv");
    const machines = {
      "at home": lab.addHome("ann", "port-restricted"),
      "in another home": lab.addHome("bob", "port-restricted"),
      public: lab.addHost("cleo"),
    };
    // Chromium without a camera uses the address of its default route, and here nothing has one but homes.
    await run([...machines.public.prefix, "ip", "route", "add", "default", "dev", "wan"]);
    const { prefix } = site;
    server = await TurnpikeProcess.start({ prefix, ports: PORTS });
    const flags = ["--relay-to", "public"];
    publicServer = await TurnpikeProcess.start({ prefix, ports: PUBLIC_PORTS, flags });
    for (const [place, machine] of Object.entries(machines))
      browsers.set(place as keyof typeof machines, await launchChromium({ prefix: machine.prefix }));
  });

  afterEach(async () => {
    await Promise.all(calls.splice(0).map(({ tab }) => tab.close()));
    await server.isIdle(30_000);
  });

  afterAll(async () => {
    await Promise.all([...browsers.values()].map((browser) => browser.close()));
    const exits = [await server?.stop(), await publicServer?.stop()];
    lab.remove();
    expect(exits).toEqual(new Array(2).fill({ code: 0, signal: undefined }));
  });

  async function enter(
    place: "at home" | "in another home" | "public",
    options: object,
    { ports }: TurnpikeProcess = server,
  ): Promise<SdkCall> {
    const url = `http://${site.publicAddress}:${ports.http}/`;
    const how = { room: `room ${rooms}`, options, lines: MESSAGES };
    const call = await SdkCall.join(browsers.get(place) as Browser, url, how);
    calls.push(call);
    return call;
  }

  /** Both hear all that the other says; the one who is to be relayed is, and the other is not. */
  async function expectOneSided(relayed: SdkCall, direct: SdkCall): Promise<void> {
    const isWhole = ({ heard, local }: SeenCall) => heard === MESSAGES && local !== undefined;
    const [first, second] = await Promise.all([
      eventually("the relayed side having heard all", () => relayed.look(), isWhole),
      eventually("the direct side having heard all", () => direct.look(), isWhole),
    ]);
    expect([first.local, second.remote]).toEqual(["relay", "relay"]);
    expect([first.remote, second.local]).not.toContain("relay");
  }

  async function hangUp(...both: readonly SdkCall[]): Promise<void> {
    for (const call of both) {
      await call.leave();
      calls.splice(calls.indexOf(call), 1);
    }
  }

  const DIRECT_CASES = [
    ["known: the other one's TURN requests come from where it is", "in another home", undefined],
    ["claimed and proven: the other one uses neither STUN nor TURN", "public", []],
    ["claimed and proven: the other one uses STUN, behind a router", "in another home", ["stun"]],
  ] as const;

  test.each(DIRECT_CASES)("%s", async (_title, place, stun) => {
    const iceServers = stun?.map(() => ({ urls: `stun:${site.publicAddress}:${PORTS.turn}` }));
    const direct = iceServers === undefined ? {} : { rtcConfiguration: { iceServers } };
    for (const relayedComesFirst of [true, false]) {
      rooms++;
      const enterRelayed = () => enter("at home", { iceTransportPolicy: "relay" });
      const enterDirect = () => enter(place, direct);
      const [first, second] = relayedComesFirst
        ? [await enterRelayed(), await enterDirect()]
        : [await enterDirect(), await enterRelayed()];
      await (relayedComesFirst ? expectOneSided(first, second) : expectOneSided(second, first));
      await hangUp(first, second);
      await server.isIdle();
    }
    const metrics = await server.metrics();
    expect([metrics.total("turnpike_relay_defects_total"), metrics.total(UNPROVEN)]).toEqual([0, 0]);
  });

  test(
    `a claimed address costs no time: connected within ${MAX_LATER_MS} ms of the same call with relayTo public, medians of ${CALLS}`,
    async () => {
      const times = new Map<TurnpikeProcess, number[]>([
        [server, []],
        [publicServer, []],
      ]);
      for (let call = 0; call < CALLS; call++) {
        // In turns: a browser is faster at what it has just done.
        for (const [which, took] of call % 2 === 0 ? times : [...times].reverse()) {
          rooms++;
          const relayed = await enter("at home", { iceTransportPolicy: "relay" }, which);
          const direct = await enter("public", { rtcConfiguration: { iceServers: [] } }, which);
          const isOpen = ({ openAfterMs }: SeenCall) => openAfterMs !== undefined;
          const seen = await eventually("the channel being open", () => direct.look(), isOpen);
          took.push(seen.openAfterMs ?? Number.NaN);
          await hangUp(relayed, direct);
        }
      }
      const [room, all] = [...times.values()].map(median);
      console.info(`connected after ${room?.toFixed()} ms, with relayTo public ${all?.toFixed()} ms`);
      expect(Number(room) - Number(all)).toBeLessThan(MAX_LATER_MS);
    },
    SLOW_MS,
  );
});

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (Number(sorted[Math.floor(middle - 0.5)]) + Number(sorted[Math.ceil(middle - 0.5)])) / 2;
}
