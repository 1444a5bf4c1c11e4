/** What the servers are measured with. */

import type { ClientTransport, Mode } from "./generator/options.ts";

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly mode: Mode;
  /** Of the clients. Default: UDP. */
  readonly transport?: ClientTransport;
  readonly allocs: number;
  /** Bytes; 0 where there is no payload. */
  readonly size: number;
  /** Per allocation and direction; 0: a closed loop with a window of 64 packets per direction. */
  readonly pps: number;
  /** What its figures are per: CPU per packet, and so on. */
  readonly unit: "packet" | "request" | "cycle" | "allocation";
}

const MAX_ALLOCATIONS = 10_000;

function relay(name: string, title: string, allocs: number, size: number, pps: number): Workload {
  return { name, title, mode: "both", allocs, size, pps, unit: "packet" };
}

function pair(name: string, title: string, allocs: number, size: number, pps: number): Workload {
  return { name, title, mode: "pair", allocs, size, pps, unit: "packet" };
}

export const WORKLOADS: readonly Workload[] = [
  relay("one", "1 allocation, 1,100 bytes, saturating", 1, 1100, 0),
  relay("hundred-paced", "100 allocations, 172 bytes, 50 packets/s each way", 100, 172, 50),
  relay("thousand-paced", "1,000 allocations, 172 bytes, 25 packets/s each way", 1000, 172, 25),
  relay("thousand", "1,000 allocations, 172 bytes, saturating", 1000, 172, 0),
  pair("pair", "a pair of clients, 1,100 bytes, saturating", 2, 1100, 0),
  pair("fifty-pairs", "50 pairs of clients, 172 bytes, 50 packets/s each way", 100, 172, 50),
  {
    name: "binding",
    title: "STUN Binding, saturating",
    mode: "binding",
    allocs: 1,
    size: 0,
    pps: 0,
    unit: "request",
  },
  {
    name: "churn",
    title: "Allocate to Refresh(0), whole cycles",
    mode: "churn",
    allocs: MAX_ALLOCATIONS,
    size: 0,
    pps: 0,
    unit: "cycle",
  },
  {
    name: "hold",
    title: "10,000 allocations, idle",
    mode: "hold",
    allocs: MAX_ALLOCATIONS,
    size: 0,
    pps: 0,
    unit: "allocation",
  },
];

/** Clients over TCP and TLS, their peers over UDP: measured when they are named. */
export const STREAM_WORKLOADS: readonly Workload[] = (["tcp", "tls"] as const).flatMap((transport) => [
  {
    ...relay(`${transport}-one`, `1 ${transport} client, 1,100 bytes, saturating`, 1, 1100, 0),
    transport,
  },
  {
    ...relay(
      `${transport}-paced`,
      `100 ${transport} clients, 172 bytes, 50 packets/s each way`,
      100,
      172,
      50,
    ),
    transport,
  },
]);

/** How the cost of a packet grows with the number of allocations. */
export const GROWTH: readonly Workload[] = [1, 10, 100, 1000, MAX_ALLOCATIONS].map((allocs) =>
  relay(
    `growth-${allocs}`,
    `${allocs.toLocaleString("en")} allocation${allocs === 1 ? "" : "s"}, 172 bytes, saturating`,
    allocs,
    172,
    0,
  ),
);

/** For a smoke run: one of each kind, small. */
export const QUICK: readonly Workload[] = [
  relay("few", "10 allocations, 172 bytes, 50 packets/s each way", 10, 172, 50),
  pair("few-pairs", "5 pairs of clients, 172 bytes, 50 packets/s each way", 10, 172, 50),
  {
    name: "churn",
    title: "Allocate to Refresh(0), whole cycles",
    mode: "churn",
    allocs: 4000,
    size: 0,
    pps: 0,
    unit: "cycle",
  },
  {
    name: "hold",
    title: "100 allocations, idle",
    mode: "hold",
    allocs: 100,
    size: 0,
    pps: 0,
    unit: "allocation",
  },
];
