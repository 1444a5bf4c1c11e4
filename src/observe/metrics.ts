/** The server's metrics in a registry of its own: several servers in one process do not meet. */

import { Registry } from "prom-client";
import type { SignalingEvents } from "../signaling/ports.ts";
import type { TurnEvents } from "../turn/ports.ts";
import { type ClusterTotals, registerClusterTotals } from "./cluster-metrics.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import {
  type RelayTotals,
  registerRelayEvents,
  registerRelayTotals,
  registerSendErrors,
  registerTurnConnections,
} from "./relay-metrics.ts";
import {
  registerDraining,
  registerSignalingEvents,
  registerSignalingTotals,
  type SignalingTotals,
} from "./signaling-metrics.ts";

export interface Metrics {
  readonly relayEvents: TurnEvents;
  readonly signalingEvents: SignalingEvents;
  /** From now on the page shows these totals as well; once per server. */
  watch(relay: RelayTotals, signaling: () => SignalingTotals): void;
  /** And how many connections are open; once per server. */
  watchTurnConnections(open: Readonly<Record<"tcp" | "tls", number>>): void;
  /** And the packets that the system did not take, by the error's name; once per server. */
  watchSendErrors(counts: () => ReadonlyMap<string, number>): void;
  /** And whether the server drains; once per server. */
  watchDraining(isDraining: () => boolean): void;
  /** And the other nodes; once per server. */
  watchCluster(totals: () => ClusterTotals): void;
  /** The metrics page in the Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return {
    relayEvents: registerRelayEvents(registry),
    signalingEvents: registerSignalingEvents(registry),
    watch(relay, signaling) {
      registerRelayTotals(registry, relay);
      registerSignalingTotals(registry, signaling);
    },
    watchTurnConnections: (open) => registerTurnConnections(registry, open),
    watchSendErrors: (counts) => registerSendErrors(registry, counts),
    watchDraining: (isDraining) => registerDraining(registry, isDraining),
    watchCluster: (totals) => registerClusterTotals(registry, totals),
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
