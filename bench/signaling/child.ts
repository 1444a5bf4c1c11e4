/** A child process that answers questions over IPC, and is gone when the bench is over. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Answer } from "./ipc.ts";

const KILL_AFTER_MS = 10_000;

export class Child {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #output = "";

  constructor(name: string, script: string, args: readonly string[], nodeFlags: readonly string[] = []) {
    this.#name = name;
    this.#child = fork(script, args, { execArgv: [...nodeFlags], stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    this.#child.on("message", (answer: Answer) => this.#settle(answer));
    this.#child.on("exit", () => this.#fail());
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Standard output and standard error, as they came. */
  get output(): string {
    return this.#output;
  }

  /** Rejects with the child's error, or when it ends without an answer. */
  ask<T>(question: Readonly<Record<string, unknown>>): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      if (!this.isRunning) return reject(new Error(this.#epitaph()));
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject });
      this.#child.send({ id, ...question });
    });
  }

  /** SIGTERM; SIGKILL when it does not end. Idempotent. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    await exited;
    clearTimeout(timer);
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`${this.#name}: ${error}`));
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(this.#epitaph()));
    this.#waiting.clear();
  }

  #epitaph(): string {
    return `${this.#name} has ended:\n${this.#output}`;
  }
}
