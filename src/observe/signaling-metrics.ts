/** Metrics of rooms and members. Labels are types, reasons and codes, never rooms or members. */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { SignalingEvents } from "../signaling/ports.ts";

/** What is read when the metrics are asked for; `Hub.stats` has it. */
export interface SignalingTotals {
  readonly rooms: number;
  readonly members: number;
  readonly connections: number;
}

const CALL_SECONDS = [10, 60, 300, 900, 1800, 3600, 7200, 14400];

/** What the hub announces, counted. */
export function registerSignalingEvents(registry: Registry): SignalingEvents {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `turnpike_${name}_total`, help, labelNames, registers });
  const created = counter("rooms_created", "Rooms made.");
  const joins = counter("joins", "Members who joined.");
  const leaves = counter("leaves", "Seats that ended, by reason.", ["reason"]);
  const dropped = counter("members_away", "Members whose socket dropped while their seat stayed.");
  const messageForwarded = registerMessages(registry);
  const errors = counter("signaling_errors", "Clients answered with an error, by code.", ["code"]);
  const closes = counter("connections_closed", "Connections that the hub closed, by close code.", ["code"]);
  const reports = counter("call_reports", "What SDKs saw of their connections, by state.", ["state"]);
  const defects = counter("signaling_defects", "Observers or hooks that threw. Anything but 0 is a bug.");
  const lifetime = new Histogram({
    name: "turnpike_room_seconds",
    help: "How long rooms lived.",
    buckets: CALL_SECONDS,
    registers,
  });
  return {
    roomCreated: () => created.inc(),
    roomDestroyed: ({ seconds }) => lifetime.observe(seconds),
    memberJoined: () => joins.inc(),
    memberAway: () => dropped.inc(),
    memberLeft: ({ reason }) => leaves.inc({ reason }),
    messageForwarded,
    requestFailed: (code) => errors.inc({ code }),
    connectionClosed: (code) => closes.inc({ code }),
    callReported: (_member, { state }) => reports.inc({ state }),
    failed: () => defects.inc(),
  };
}

/** Counted in plain numbers, of which the page is made when it is asked for: there is nothing more frequent. */
function registerMessages(registry: Registry): NonNullable<SignalingEvents["messageForwarded"]> {
  const registers = [registry];
  const counts = new Map<string, number>();
  let totalBytes = 0;
  new Counter({
    name: "turnpike_messages_total",
    help: "Messages forwarded, by type.",
    labelNames: ["type"],
    registers,
    collect() {
      this.reset();
      for (const [type, count] of counts) this.inc({ type }, count);
    },
  });
  new Counter({
    name: "turnpike_message_bytes_total",
    help: "JSON text of forwarded messages.",
    registers,
    collect() {
      this.reset();
      this.inc(totalBytes);
    },
  });
  return (type, bytes) => {
    counts.set(type, (counts.get(type) ?? 0) + 1);
    totalBytes += bytes;
  };
}

export function registerSignalingTotals(registry: Registry, totals: () => SignalingTotals): void {
  const registers = [registry];
  new Gauge({
    name: "turnpike_rooms",
    help: "Rooms that are open.",
    registers,
    collect() {
      this.set(totals().rooms);
    },
  });
  new Gauge({
    name: "turnpike_members",
    help: "Members with a seat in a room.",
    registers,
    collect() {
      this.set(totals().members);
    },
  });
  new Gauge({
    name: "turnpike_connections",
    help: "WebSockets that are open.",
    registers,
    collect() {
      this.set(totals().connections);
    },
  });
}

export function registerDraining(registry: Registry, isDraining: () => boolean): void {
  new Gauge({
    name: "turnpike_draining",
    help: "1 while the server takes no new calls, because it drains or ends.",
    registers: [registry],
    collect() {
      this.set(isDraining() ? 1 : 0);
    },
  });
}
