import { expect, test } from "vitest";
import { createLogger } from "../../../src/observe/logger.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { createSignalingLog } from "../../../src/observe/signaling-log.ts";
import { createTurnCounters } from "../../../src/turn/relay-state.ts";

const MEMBER = { peer: "peer-1", roomKey: "room-1" };

test("the metrics page shows rooms, members, messages and errors, and no room or member", async () => {
  const metrics = createMetrics();
  const stats = { rooms: 1, members: 2, connections: 3 };
  metrics.watch(
    { allocationCount: 4, relayedConnectionCount: 2, counters: createTurnCounters() },
    () => stats,
  );
  const events = metrics.signalingEvents;
  events.roomCreated?.({ roomKey: "room-1" });
  events.memberJoined?.(MEMBER);
  events.messageForwarded?.("offer", 2000);
  events.requestFailed?.("room-full");
  events.connectionClosed?.(4008);
  events.callReported?.(MEMBER, { to: "peer-2", state: "connected" });
  events.memberLeft?.({ ...MEMBER, reason: "left" });
  events.roomDestroyed?.({ roomKey: "room-1", seconds: 100, members: 2 });
  stats.rooms = 0;
  const { contentType, text } = await metrics.render();
  expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = text.split("\n");
  for (const line of [
    "turnpike_rooms 0",
    "turnpike_members 2",
    "turnpike_connections 3",
    "turnpike_allocations 4",
    "turnpike_rooms_created_total 1",
    "turnpike_joins_total 1",
    'turnpike_leaves_total{reason="left"} 1',
    'turnpike_messages_total{type="offer"} 1',
    "turnpike_message_bytes_total 2000",
    'turnpike_signaling_errors_total{code="room-full"} 1',
    'turnpike_connections_closed_total{code="4008"} 1',
    'turnpike_call_reports_total{state="connected"} 1',
    'turnpike_room_seconds_bucket{le="300"} 1',
  ]) {
    expect(lines).toContain(line);
  }
  expect(text).not.toMatch(/peer-1|peer-2|room-1/);
});

test("two servers in one process have metrics of their own", async () => {
  const first = createMetrics();
  const second = createMetrics();
  first.signalingEvents.memberJoined?.(MEMBER);
  expect((await first.render()).text).toContain("turnpike_joins_total 1\n");
  expect((await second.render()).text).toContain("turnpike_joins_total 0\n");
});

test("the log has a line per join and leave, and none per message", () => {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const events = createSignalingLog(createLogger({ level: "info", stream }));
  events.memberJoined?.(MEMBER);
  events.messageForwarded?.("offer", 2000);
  events.messageForwarded?.("candidate", 100);
  events.memberLeft?.({ ...MEMBER, reason: "left" });
  const messages = lines.map((line) => JSON.parse(line).msg);
  expect(messages).toEqual(["member joined", "member left"]);
});
