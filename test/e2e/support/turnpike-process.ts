/** The built server as a user starts it: `node dist/bin/turnpike.js` in a process of its own. */

import { fileURLToPath } from "node:url";
import { type Exit, run, TestProcess } from "./child-process.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { Metrics } from "./metrics.ts";

export const BUILT_COMMAND = fileURLToPath(new URL("../../../dist/bin/turnpike.js", import.meta.url));

export interface TurnpikeOptions {
  /** Flags besides the ports. */
  readonly flags?: readonly string[];
  /** Where `--host` lets it be asked whether it is ready. Default: 127.0.0.1. */
  readonly httpHost?: string;
  /** What runs the server. Default: this Node and the built command. */
  readonly command?: readonly string[];
  /** Set before the command: `["ip", "netns", "exec", NAME]`. */
  readonly prefix?: readonly string[];
  readonly ports?: Ports;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface Ports {
  readonly http: number;
  readonly turn: number;
  readonly admin: number;
}

export class TurnpikeProcess {
  readonly ports: Ports;
  readonly process: TestProcess;
  readonly #prefix: readonly string[];

  private constructor(process: TestProcess, ports: Ports, prefix: readonly string[]) {
    this.process = process;
    this.ports = ports;
    this.#prefix = prefix;
  }

  /** Resolves when the server says that it is ready. */
  static async start(options: TurnpikeOptions = {}): Promise<TurnpikeProcess> {
    const ports = options.ports ?? {
      http: await freePort(),
      turn: await freePort(),
      admin: await freePort(),
    };
    const prefix = options.prefix ?? [];
    const command = options.command ?? [process.execPath, BUILT_COMMAND];
    const portFlags = ["--http-port", ports.http, "--turn-port", ports.turn, "--admin-port", ports.admin];
    const child = TestProcess.start(
      [...prefix, ...command, ...portFlags.map(String), ...(options.flags ?? [])],
      { ...(options.env && { env: options.env }), ...(options.cwd && { cwd: options.cwd }) },
    );
    const server = new TurnpikeProcess(child, ports, prefix);
    try {
      await eventually(
        "the server being ready",
        () => server.#isReady(options.httpHost ?? "127.0.0.1"),
        (ready) => ready,
      );
    } catch (error) {
      await child.stop();
      throw new Error(`the server did not start:\n${child.output}`, { cause: error });
    }
    return server;
  }

  /** Address of the call page as seen from this machine. */
  url(host: string): string {
    return `http://${host}:${this.ports.http}/`;
  }

  async metrics(): Promise<Metrics> {
    return new Metrics(await this.#get(`http://127.0.0.1:${this.ports.admin}/metrics`));
  }

  /** Waits until nothing of any call is left. */
  async isIdle(withinMs = 5000): Promise<void> {
    await eventually(
      "the server without allocation and room",
      async () => {
        const metrics = await this.metrics();
        return {
          allocations: metrics.total("turnpike_allocations"),
          rooms: metrics.total("turnpike_rooms"),
        };
      },
      ({ allocations, rooms }) => allocations === 0 && rooms === 0,
      withinMs,
    );
  }

  /** Relay targets that it refused so far because nobody of the room is there. */
  async strangersRefused(): Promise<number> {
    return (await this.metrics()).count('turnpike_relay_targets_refused_total{reason="not-in-room"}');
  }

  /** SIGTERM; must end by itself. Idempotent. */
  stop(): Promise<Exit> {
    return this.process.stop(10_000);
  }

  /** Resolves when the signal has ended it. */
  end(signal: NodeJS.Signals): Promise<Exit> {
    process.kill(this.process.pid, signal);
    return this.process.exited;
  }

  /** As an operator does it, and names another server. Resolves with the answer. */
  async drain(url: string): Promise<unknown> {
    const address = `http://127.0.0.1:${this.ports.admin}/drain?url=${encodeURIComponent(url)}`;
    return JSON.parse(await this.#askFromInside(address, "POST"));
  }

  async #isReady(host: string): Promise<boolean> {
    if (this.process.exit !== undefined) throw new Error("it ended");
    return (await this.#get(`${this.url(host)}readyz`)) !== "";
  }

  /** The body of a 200, or "". In a network namespace only a process of that namespace can ask. */
  async #get(url: string): Promise<string> {
    if (this.#prefix.length > 0) return this.#askFromInside(url, "GET");
    try {
      const response = await fetch(url);
      return response.ok ? await response.text() : "";
    } catch {
      return ""; // Nobody listens yet.
    }
  }

  async #askFromInside(url: string, method: "GET" | "POST"): Promise<string> {
    const ask = `fetch(${JSON.stringify(url)}, { method: "${method}" })`;
    const script = `${ask}.then(async (r) => r.ok && process.stdout.write(await r.text()), () => {})`;
    return (await run([...this.#prefix, process.execPath, "-e", script])).output;
  }
}
