/** A program on a machine of the lab that speaks and hears plain UDP and TCP: for what a NAT does, without a browser. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";
import type { Machine } from "./network-lab.ts";

const CHILD = fileURLToPath(new URL("probe-child.mjs", import.meta.url));

export type Transport = "udp" | "tcp";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Heard {
  readonly heard: string;
  readonly transport: Transport;
  /** Of the probe. */
  readonly port: number;
  readonly from: Endpoint;
}

type Told = Heard | { readonly said: string } | { readonly failed: string } | { readonly ready: true };

export class Probe {
  readonly machine: Machine;
  readonly heard: Heard[] = [];
  readonly #child: ChildProcess;
  readonly #told: Told[] = [];

  private constructor(machine: Machine, child: ChildProcess) {
    this.machine = machine;
    this.#child = child;
    child.on("message", (message) => {
      const told = message as Told;
      if ("heard" in told) this.heard.push(told);
      else this.#told.push(told);
    });
  }

  /** Listens on every port, over UDP and over TCP. */
  static async start(machine: Machine, ports: readonly number[]): Promise<Probe> {
    const [command = "", ...words] = [...machine.prefix, process.execPath];
    const probe = new Probe(machine, fork(CHILD, ports.map(String), { execPath: command, execArgv: words }));
    await probe.#tells((told) => "ready" in told);
    return probe;
  }

  /** Where others reach one of its ports when no NAT is in between. */
  endpoint(port: number): Endpoint {
    return { address: this.machine.publicAddress, port };
  }

  /** Resolves when the words have left the machine: over UDP from the port, over TCP when the connection is tried. */
  async say(words: string, transport: Transport, port: number, to: Endpoint): Promise<void> {
    this.#child.send({ say: words, transport, port, to });
    await this.#tells((told) => "said" in told && told.said === words);
  }

  /** Waits for words, and returns where they came from. */
  async hears(words: string): Promise<Heard> {
    const find = () => this.heard.find(({ heard }) => heard === words);
    return (await eventually(`a probe hearing "${words}"`, find, (found) => found !== undefined)) as Heard;
  }

  close(): void {
    this.#child.disconnect();
  }

  async #tells(accept: (told: Told) => boolean): Promise<void> {
    await eventually("a probe's answer", () => this.#told.some(accept), Boolean);
  }
}
