/**
 * Our relay on loopback with worker threads, and a clock that makes what a client is granted end soon. Nobody sweeps: what is over is found
 * out when it is used.
 */

import { openBatchListener } from "../../src/net/udp-batch/batch-listener.ts";
import { BatchRelayAllocator } from "../../src/net/udp-batch/batch-relay-sockets.ts";
import { BatchEngine } from "../../src/net/udp-batch/engine.ts";
import { loadLibc } from "../../src/net/udp-batch/libc.ts";
import { type IpAddress, parseIp, type TransportAddress } from "../../src/stun/address.ts";
import type { TurnCounters } from "../../src/turn/relay-state.ts";
import { createRelayTargetPolicy } from "../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { createControls } from "../conformance/controls.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, BOB, REALM, type RoomControls } from "../conformance/target.ts";
import { TestCredentials } from "./test-credentials.ts";

/** Linux answers to all of 127.0.0.0/8: an address for each part, so that the policy can be closed but for the peers. */
const SERVER_IP = ip("127.0.0.1");
const RELAY_IP = ip("127.0.0.3");
export const CLIENT_IP = SERVER_IP;
export const PEER_IP = ip("127.0.0.2");
const RELAY_PORTS = { min: 49152, max: 65535 };
/** It has run for so long, to clients and threads. */
const SINCE_MS = 3_600_000;

export interface LoadRelay {
  readonly engine: BatchEngine;
  readonly server: TransportAddress;
  readonly rooms: RoomControls;
  readonly counters: Readonly<TurnCounters>;
  readonly failures: readonly unknown[];
  /** The relay's clock is so far behind from now on, never further than before: what is granted ends so much sooner. */
  setBack(behindMs: number): void;
  close(): Promise<void>;
}

export async function openLoadRelay(workers: number): Promise<LoadRelay> {
  const result = await loadLibc();
  if (!result.ok) throw new Error(result.reason);
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const clock = () => performance.now() + SINCE_MS;
  const engine = new BatchEngine(result.libc, failed, workers, clock);
  await engine.ready();
  const credentials = new TestCredentials(REALM, [ALICE, BOB]);
  let behindMs = 0;
  const turn = new TurnServer({
    realm: REALM,
    credentials,
    allocator: new BatchRelayAllocator(engine, [{ bindIp: RELAY_IP, relayedIp: RELAY_IP }], RELAY_PORTS),
    targets: createRelayTargetPolicy({
      allow: [{ base: PEER_IP, prefixLength: 32 }],
      ...{ deny: [], lan: false, dev: false, relayIps: [RELAY_IP], otherOwnIps: [SERVER_IP] },
    }),
    clock: () => clock() - behindMs,
    limits: DEFAULT_LIMITS,
    isExempt: () => false,
    events: { failed },
  });
  const listener = openBatchListener({ engine, turn, ip: SERVER_IP, port: 0 });
  return {
    engine,
    server: listener.address,
    rooms: createControls(turn, credentials, () => undefined),
    get counters() {
      return turn.counters;
    },
    failures,
    setBack(ms) {
      behindMs = ms;
    },
    async close() {
      turn.close();
      await listener.close();
      await engine.close();
    },
  };
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}
