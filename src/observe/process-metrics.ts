/**
 * The process's own metrics under their usual names. prom-client's defaults start observers that no call stops; a
 * server inside somebody else's program must leave nothing behind, so these are read when they are asked for.
 */

import { Counter, Gauge, type Registry } from "prom-client";

const STARTED_AT_SECONDS = Math.round(Date.now() / 1000 - process.uptime());

export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: "process_start_time_seconds",
    help: "Start of the process, in Unix seconds.",
    registers,
  }).set(STARTED_AT_SECONDS);
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process, user and system.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: "nodejs_heap_size_used_bytes",
    help: "JavaScript heap in use.",
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  new Gauge({
    name: "nodejs_version_info",
    help: "Always 1.",
    labelNames: ["version"],
    registers,
  }).set({ version: process.version }, 1);
}
