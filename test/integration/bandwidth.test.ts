/** The room's rate over real sockets: what a call may relay, by the wall's clock. */

import { afterEach, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import { type TransportAddress, withPort } from "../../src/stun/address.ts";
import { transportTo } from "../support/endpoint.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { LOOPBACK_4, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const DATA = Buffer.alloc(1172);
/** The bucket's least burst in packets of this size. */
const LEAST_BURST = Math.floor(262_144 / (DATA.length + 28));
const RATE = 1_000_000;
const CHANNEL = 0x4000;

interface Bench {
  readonly server: TurnpikeServer;
  readonly members: readonly TurnClient[];
  /** Lines of the log. */
  readonly log: readonly Record<string, unknown>[];
}

/** "auto" is the batched engine where there is one. */
const ENGINES = ["auto", "dgram"] as const;

async function start(dev: boolean, udpEngine: (typeof ENGINES)[number]): Promise<Bench> {
  const log: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void log.push(JSON.parse(line)) };
  const logger = createLogger({ level: "info", stream });
  const limits = { maxBitsPerSecondPerRoom: RATE, bandwidthBurstMilliseconds: 0 };
  const server = createServer(testConfig({ dev, limits, udpEngine }), { logger });
  cleanups.push(() => server.close());
  const { http, turn } = await server.start();
  const members: TurnClient[] = [];
  const relayed: TransportAddress[] = [];
  for (let i = 0; i < 2; i++) {
    const signaling = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
    const { iceServers } = await signaling.join("blue-fox");
    const { username = "", credential = "" } = iceServers.find((one) => one.credential !== undefined) ?? {};
    const endpoint = await openUdpEndpoint(LOOPBACK_4);
    cleanups.push(() => endpoint.close());
    const to = withPort(LOOPBACK_4, turn[0]?.port ?? 0);
    const client = new TurnClient(transportTo(to, endpoint), { username, password: credential });
    const answer = await client.allocate();
    expect(answer.outcome).toBe("success");
    members.push(client);
    relayed.push(answer.relayedAddress as TransportAddress);
  }
  for (const [index, client] of members.entries()) {
    expect((await client.channelBind(CHANNEL, relayed[1 - index] as TransportAddress)).outcome).toBe(
      "success",
    );
  }
  return { server, members, log };
}

/** Sends four bursts' worth; how much of it arrived, and in what time. A request at the end finds everything handled. */
async function flood([from, to]: readonly TurnClient[]): Promise<{ arrived: number; seconds: number }> {
  const beganMs = performance.now();
  for (let i = 0; i < 4 * LEAST_BURST; i++) {
    await from?.sendChannelData(CHANNEL, DATA);
    // Loopback loses packets where nobody gets to read.
    if (i % 20 === 0) await from?.bind();
  }
  await from?.refresh();
  const seconds = (performance.now() - beganMs) / 1000;
  await to?.bind();
  return { arrived: to?.data.pending.length ?? 0, seconds };
}

test.each(ENGINES)(
  "engine %s: a room that wants more gets its burst and its rate, and what is dropped is a metric and stands in the log",
  async (engine) => {
    const { server, members, log } = await start(false, engine);
    const { arrived, seconds } = await flood(members);
    const most = LEAST_BURST + (RATE / 8 / (DATA.length + 28)) * seconds + 1;
    expect(arrived).toBeGreaterThanOrEqual(LEAST_BURST);
    expect(arrived).toBeLessThanOrEqual(most);
    const page = await (await fetch(`http://127.0.0.1:${server.addresses?.admin[0]?.port}/metrics`)).text();
    const [, dropped] =
      /^turnpike_dropped_packets_total\{reason="room-bandwidth"\} ([0-9]+)$/m.exec(page) ?? [];
    expect(Number(dropped)).toBe(4 * LEAST_BURST - arrived);
    await server.close();
    const ended = log.filter(({ msg }) => msg === "allocation closed");
    expect(ended.map(({ overLimitPackets }) => overLimitPackets)).toEqual([Number(dropped), 0]);
  },
);

test.each(ENGINES)("engine %s: --dev lifts it for loopback", async (engine) => {
  const { members } = await start(true, engine);
  expect((await flood(members)).arrived).toBe(4 * LEAST_BURST);
});
