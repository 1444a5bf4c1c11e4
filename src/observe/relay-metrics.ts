/** Metrics of the relay. Labels are reasons and codes, never users, rooms or addresses: their number stays small. */

import { Counter, Gauge, type Registry } from "prom-client";
import { METHOD } from "../stun/registry.ts";
import type { TurnEvents } from "../turn/ports.ts";
import type { TurnCounters } from "../turn/relay-state.ts";

/** What is read when the metrics are asked for; `TurnServer` has it. */
export interface RelayTotals {
  readonly allocationCount: number;
  readonly relayedConnectionCount: number;
  readonly counters: Readonly<TurnCounters>;
}

const METHOD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(METHOD).map(([name, method]) => [method, name]),
);

/** What the relay announces, counted. */
export function registerRelayEvents(registry: Registry): TurnEvents {
  const registers = [registry];
  const created = new Counter({
    name: "turnpike_allocations_created_total",
    help: "Allocations made.",
    registers,
  });
  const closed = new Counter({
    name: "turnpike_allocations_closed_total",
    help: "Allocations ended, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const moved = new Counter({
    name: "turnpike_allocations_moved_total",
    help: "Allocations that have followed their client to another address (--mobility).",
    registers,
  });
  const requests = new Counter({
    name: "turnpike_stun_requests_total",
    help: "STUN and TURN requests answered, by method and code (0: success).",
    labelNames: ["method", "code"],
    registers,
  });
  const targetsRefused = new Counter({
    name: "turnpike_relay_targets_refused_total",
    help: "Requests for a relay target that was refused, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const defects = new Counter({
    name: "turnpike_relay_defects_total",
    help: "Packets on which the relay met a defect of its own. Anything but 0 is a bug.",
    registers,
  });
  return {
    allocationCreated: () => created.inc(),
    allocationClosed: (_allocation, why) => closed.inc({ reason: why }),
    allocationMoved: () => moved.inc(),
    requestAnswered(method, errorCode, count = 1) {
      requests.inc({ method: METHOD_NAMES.get(method) ?? "other", code: errorCode ?? 0 }, count);
    },
    targetRefused: (_allocation, _target, reason) => targetsRefused.inc({ reason }),
    failed: () => defects.inc(),
  };
}

/** `open`: STUN and TURN connections, by transport; read once per scrape. */
export function registerTurnConnections(
  registry: Registry,
  open: Readonly<Record<"tcp" | "tls", number>>,
): void {
  new Gauge({
    name: "turnpike_turn_connections",
    help: "STUN and TURN connections that are open, over TCP and TLS.",
    labelNames: ["transport"],
    registers: [registry],
    collect() {
      this.set({ transport: "tcp" }, open.tcp);
      this.set({ transport: "tls" }, open.tls);
    },
  });
}

/** `counts`: packets by the error's name; read once per scrape. */
export function registerSendErrors(registry: Registry, counts: () => ReadonlyMap<string, number>): void {
  new Counter({
    name: "turnpike_udp_send_errors_total",
    help: "Packets that the system did not take, by error (batched UDP engine).",
    labelNames: ["error"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [error, packets] of counts()) this.inc({ error }, packets);
    },
  });
}

/** Totals that the relay counts itself, packet by packet; read here, once per scrape. */
export function registerRelayTotals(registry: Registry, relay: RelayTotals): void {
  const registers = [registry];
  new Gauge({
    name: "turnpike_allocations",
    help: "Allocations that are alive.",
    registers,
    collect() {
      this.set(relay.allocationCount);
    },
  });
  new Gauge({
    name: "turnpike_relayed_connections",
    help: "TCP connections with relay targets that are open or being opened (--tcp-relay).",
    registers,
    collect() {
      this.set(relay.relayedConnectionCount);
    },
  });
  new Counter({
    name: "turnpike_relayed_packets_total",
    help: "Packets relayed, to (sent) and from (received) relay targets.",
    labelNames: ["direction"],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: "sent" }, relay.counters.sentPackets);
      this.inc({ direction: "received" }, relay.counters.receivedPackets);
    },
  });
  new Counter({
    name: "turnpike_relayed_bytes_total",
    help: "Application data relayed, to (sent) and from (received) relay targets.",
    labelNames: ["direction"],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: "sent" }, relay.counters.sentBytes);
      this.inc({ direction: "received" }, relay.counters.receivedBytes);
    },
  });
  new Counter({
    name: "turnpike_relayed_inside_packets_total",
    help: "Packets that went from client to client inside the process, without crossing a relay socket.",
    registers,
    collect() {
      this.reset();
      this.inc(relay.counters.insidePackets);
    },
  });
  new Counter({
    name: "turnpike_dropped_packets_total",
    help: "Packets dropped, by reason.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(relay.counters.drops)) this.inc({ reason }, count);
    },
  });
  new Counter({
    name: "turnpike_icmp_errors_total",
    help: "ICMP errors about relayed packets: told to the client, or why not (batched UDP engine).",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(relay.counters.icmpErrors)) this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: "turnpike_unauthenticated_answers_total",
    help: "Answers to requests without credentials: Binding, 401, 438 and the like.",
    registers,
    collect() {
      this.reset();
      this.inc(relay.counters.unauthenticatedAnswers);
    },
  });
}
