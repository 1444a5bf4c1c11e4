/** Metrics of several nodes: how many there are, and whose clients are whose. */

import { Gauge, type Registry } from "prom-client";

export interface ClusterTotals {
  readonly isReady: boolean;
  readonly nodes: number;
  /** Clients of this node whose rooms are at others. */
  readonly passages: number;
  /** Clients of others whose rooms are here. */
  readonly guests: number;
}

export function registerClusterTotals(registry: Registry, totals: () => ClusterTotals): void {
  const gauge = (name: string, help: string, read: (totals: ClusterTotals) => number) =>
    new Gauge({
      name: `turnpike_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read(totals()));
      },
    });
  gauge("cluster_ready", "1: rooms can be looked up in Redis and made.", ({ isReady }) => (isReady ? 1 : 0));
  gauge("cluster_nodes", "Nodes that live, this one among them.", ({ nodes }) => nodes);
  gauge("cluster_passages", "Clients of this node whose rooms are at others.", ({ passages }) => passages);
  gauge("cluster_guests", "Clients of other nodes whose rooms are here.", ({ guests }) => guests);
}
