/** A Redis of the test's own, on a free port, that keeps nothing on disk: whoever starts it again finds it empty. */

import { createConnection } from "node:net";
import { TestProcess } from "./child-process.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

export interface RedisOptions {
  readonly password?: string;
  readonly flags?: readonly string[];
}

export class RedisProcess {
  readonly port: number;
  readonly #password: string | undefined;
  readonly #flags: readonly string[];
  #process: TestProcess | undefined;

  private constructor(port: number, { password, flags = [] }: RedisOptions) {
    this.port = port;
    this.#password = password;
    this.#flags = flags;
  }

  static async start(options: RedisOptions = {}): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort(), options);
    await redis.startAgain();
    return redis;
  }

  get url(): string {
    return `redis://${this.#password === undefined ? "" : `:${this.#password}@`}127.0.0.1:${this.port}`;
  }

  async startAgain(): Promise<void> {
    const password = this.#password === undefined ? [] : ["--requirepass", this.#password];
    const where = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    this.#process = TestProcess.start(["redis-server", ...where, ...password, ...this.#flags]);
    await eventually(
      "Redis being ready",
      () => this.#ask("PING").catch(() => ""),
      (answer) => answer !== "",
    );
  }

  /** Everything is gone, and no connection notices. */
  async empty(): Promise<void> {
    await this.#ask("FLUSHALL");
  }

  /** One line of Redis' answer. */
  ask(command: string): Promise<string> {
    return this.#ask(command);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  /** It hangs: connections stay, nothing is answered. */
  pause(): void {
    if (this.#process !== undefined) process.kill(this.#process.pid, "SIGSTOP");
  }

  goOn(): void {
    if (this.#process !== undefined) process.kill(this.#process.pid, "SIGCONT");
  }

  #ask(command: string): Promise<string> {
    const login = this.#password === undefined ? "" : `AUTH ${this.#password}\r\n`;
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.port, "127.0.0.1");
      let text = "";
      socket.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (text.endsWith("\r\n")) socket.end();
      });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
      socket.write(`${login}${command}\r\n`);
    });
  }
}
