/**
 * A relay over the batched engine and one client of it, on one machine: what the client sends to a peer far away, and what it is
 * told. Started with the address of the relay and that of the peer; prints a `PathReport`.
 */

import { execSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { openUdpEngine } from "../../../src/net/udp-engine.ts";
import { type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import { createRelayTargetPolicy } from "../../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../../src/turn/turn-server.ts";
import { DEFAULT_LIMITS } from "../../conformance/limits.ts";
import { ALICE, BOB, CAROL, REALM } from "../../conformance/target.ts";
import { transportTo } from "../../support/endpoint.ts";
import { LOOPBACK_4 } from "../../support/test-config.ts";
import { TestCredentials } from "../../support/test-credentials.ts";
import { peerAttribute, type RelayedIcmp, TurnClient } from "../../support/turn-client.ts";
import { openUdpEndpoint } from "../../support/udp-endpoint.ts";

/** Nobody listens there. */
const PEER_PORT = 4000;
/** Packets on their way, and ICMP messages on theirs. */
const SETTLE_MS = 200;
const DONT_FRAGMENT = { type: ATTRIBUTE.dontFragment, value: new Uint8Array() };

export interface Step {
  readonly bytes: number;
  readonly dontFragment: boolean;
  /** How many at once; default 1. */
  readonly packets?: number;
}

/** A command of this machine, which changes its network. */
export interface Change {
  readonly run: string;
}

export interface PathReport {
  /** Of each step: what the client was told after it. */
  readonly told: readonly (readonly RelayedIcmp[])[];
  readonly sendErrors: Readonly<Record<string, number>>;
}

/** `steps`: JSON. */
export async function main([relay = "", peer = "", steps = ""]: readonly string[]): Promise<void> {
  const [relayIp, peerIp] = [parseIp(relay) as IpAddress, parseIp(peer) as IpAddress];
  const engine = await openUdpEngine("batch", fail);
  const turn = new TurnServer({
    realm: REALM,
    credentials: new TestCredentials(REALM, [ALICE, BOB], [CAROL]),
    allocator: engine.createRelayAllocator([{ bindIp: relayIp, relayedIp: relayIp }], PORTS),
    targets: createRelayTargetPolicy(policyOf(relayIp)),
    clock: () => performance.now(),
    limits: DEFAULT_LIMITS,
    isExempt: () => false,
    events: { failed: fail },
  });
  const listener = await engine.listen({ ip: LOOPBACK_4, port: 0, turn });
  const client = new TurnClient(transportTo(listener.address, await openUdpEndpoint(LOOPBACK_4)), ALICE);
  const target = withPort(peerIp, PEER_PORT);
  const allocated = await client.allocate({ family: relayIp.family, attributes: [DONT_FRAGMENT] });
  const permitted = await client.createPermission(target);
  if (allocated.outcome !== "success" || permitted.outcome !== "success")
    throw new Error(`Allocate: ${allocated.outcome}, CreatePermission: ${permitted.outcome}`);
  const told: RelayedIcmp[][] = [];
  for (const step of JSON.parse(steps) as (Step | Change)[]) {
    if ("run" in step) {
      execSync(step.run);
      continue;
    }
    const { bytes, dontFragment, packets = 1 } = step;
    const send = () =>
      client.indicate((id) => [
        peerAttribute(target, id),
        { type: ATTRIBUTE.data, value: new Uint8Array(bytes) },
        ...(dontFragment ? [DONT_FRAGMENT] : []),
      ]);
    await Promise.all(Array.from({ length: packets }, send));
    await delay(SETTLE_MS);
    told.push(client.icmp.drain());
  }
  const report: PathReport = { told, sendErrors: Object.fromEntries(engine.sendErrors) };
  process.stdout.write(`report ${JSON.stringify(report)}\n`);
}

const PORTS = { min: 49152, max: 65535 };

function policyOf(relayIp: IpAddress) {
  return { allow: [], deny: [], lan: false, dev: false, relayIps: [relayIp], otherOwnIps: [] };
}

function fail(error: unknown): never {
  throw error;
}
