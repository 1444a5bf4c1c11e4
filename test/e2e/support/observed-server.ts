/** The built server with a view from outside of what it holds: heap, resident memory, open descriptors, packets handled. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Metrics } from "./metrics.ts";
import { BUILT_COMMAND, type TurnpikeOptions, TurnpikeProcess } from "./turnpike-process.ts";

const PRELOAD = fileURLToPath(new URL("./collect-on-signal.mjs", import.meta.url));

export class ObservedServer {
  readonly process: TurnpikeProcess;
  #questions = 0;

  private constructor(process: TurnpikeProcess) {
    this.process = process;
  }

  static async start(options: TurnpikeOptions): Promise<ObservedServer> {
    const command = [process.execPath, "--expose-gc", "--import", PRELOAD, BUILT_COMMAND];
    return new ObservedServer(await TurnpikeProcess.start({ ...options, command }));
  }

  get #pid(): number {
    return this.process.process.pid;
  }

  /** JavaScript heap in use after a collection. */
  async liveHeapBytes(): Promise<number> {
    process.kill(this.#pid, "SIGWINCH");
    const answer = new RegExp(`live heap ${++this.#questions}: (\\d+) bytes`);
    const [, bytes] = await this.process.process.printed(answer);
    return Number(bytes);
  }

  /** Resident memory now, or the most that it was since the start. */
  residentBytes(which: "VmRSS" | "VmHWM" = "VmRSS"): number {
    const [, kib] = readFileSync(`/proc/${this.#pid}/status`, "utf8").match(`${which}:\\s+(\\d+) kB`) ?? [];
    return Number(kib) * 1024;
  }

  /** Sockets and files. */
  descriptorCount(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }

  /** Packets of clients that the server has answered, relayed or dropped; one that does several of these counts as several. */
  async handledPackets(): Promise<number> {
    const metrics = await this.process.metrics();
    return (
      metrics.total("turnpike_stun_requests_total") +
      metrics.total("turnpike_dropped_packets_total") +
      metrics.total('turnpike_relayed_packets_total{direction="sent"}')
    );
  }

  metrics(): Promise<Metrics> {
    return this.process.metrics();
  }
}
