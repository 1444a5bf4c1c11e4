import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { registerProcessMetrics } from "../../../src/observe/process-metrics.ts";
import {
  registerRelayEvents,
  registerRelayTotals,
  registerTurnConnections,
} from "../../../src/observe/relay-metrics.ts";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { METHOD } from "../../../src/stun/registry.ts";
import type { AllocationSummary } from "../../../src/turn/ports.ts";
import { createTurnCounters } from "../../../src/turn/relay-state.ts";

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(text);
  return withPort(ip, port);
}

const ALLOCATION: AllocationSummary = {
  userId: "r.peer-1.room-1",
  roomKey: "room-1",
  peer: "peer-1",
  client: address("198.51.100.7", 50_000),
  transport: "udp",
  protocol: "udp",
  relayedAddress: address("203.0.113.1", 49_152),
};

test("the relay's metrics show what the relay counts and announces", async () => {
  const registry = new Registry();
  const counters = createTurnCounters();
  const events = registerRelayEvents(registry);
  registerRelayTotals(registry, { allocationCount: 3, relayedConnectionCount: 2, counters });
  events.allocationCreated?.(ALLOCATION);
  events.allocationClosed?.(ALLOCATION, "room-left", { ...counters, overLimitPackets: 0 });
  events.allocationMoved?.(ALLOCATION, address("198.51.100.8", 50_000));
  events.requestAnswered?.(METHOD.allocate, undefined);
  events.requestAnswered?.(METHOD.allocate, 401);
  events.requestAnswered?.(0x123, 400);
  events.targetRefused?.(ALLOCATION, address("89.160.20.1", 0), "not-in-room");
  counters.sentPackets = 10;
  counters.sentBytes = 1000;
  counters.receivedPackets = 20;
  counters.drops["no-permission"] = 4;
  counters.unauthenticatedAnswers = 5;
  const text = await registry.metrics();
  for (const line of [
    "turnpike_allocations 3",
    "turnpike_relayed_connections 2",
    "turnpike_allocations_created_total 1",
    'turnpike_allocations_closed_total{reason="room-left"} 1',
    "turnpike_allocations_moved_total 1",
    'turnpike_stun_requests_total{method="allocate",code="0"} 1',
    'turnpike_stun_requests_total{method="allocate",code="401"} 1',
    'turnpike_stun_requests_total{method="other",code="400"} 1',
    'turnpike_relay_targets_refused_total{reason="not-in-room"} 1',
    'turnpike_relayed_packets_total{direction="sent"} 10',
    'turnpike_relayed_bytes_total{direction="sent"} 1000',
    'turnpike_relayed_packets_total{direction="received"} 20',
    'turnpike_dropped_packets_total{reason="no-permission"} 4',
    "turnpike_unauthenticated_answers_total 5",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("connections that are open are shown as they are at the look, by transport", async () => {
  const registry = new Registry();
  const open = { tcp: 0, tls: 0 };
  registerTurnConnections(registry, open);
  open.tcp = 2;
  expect(await registry.metrics()).toContain('turnpike_turn_connections{transport="tcp"} 2\n');
  open.tcp = 1;
  open.tls = 3;
  const text = await registry.metrics();
  expect(text).toContain('turnpike_turn_connections{transport="tcp"} 1\n');
  expect(text).toContain('turnpike_turn_connections{transport="tls"} 3\n');
});

test("a second look shows totals, not sums of looks", async () => {
  const registry = new Registry();
  const counters = createTurnCounters();
  registerRelayTotals(registry, { allocationCount: 0, relayedConnectionCount: 2, counters });
  counters.sentPackets = 7;
  await registry.metrics();
  expect(await registry.metrics()).toContain('turnpike_relayed_packets_total{direction="sent"} 7\n');
});

test("no metric has a label with a user, a room or an address", async () => {
  const registry = new Registry();
  const counters = createTurnCounters();
  const events = registerRelayEvents(registry);
  registerRelayTotals(registry, { allocationCount: 0, relayedConnectionCount: 2, counters });
  events.allocationCreated?.(ALLOCATION);
  events.targetRefused?.(ALLOCATION, address("10.0.0.1", 0), "denied-network");
  events.allocationClosed?.(ALLOCATION, "expired", { ...counters, overLimitPackets: 0 });
  expect(await registry.metrics()).not.toMatch(/peer-1|room-1|198\.51|203\.0|10\.0\.0/);
});

test("the process's metrics have their usual names", async () => {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const text = await registry.metrics();
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  expect(text).toMatch(/^process_start_time_seconds \d{10}$/m);
});
