/** A program that a test started: its output is kept, and it is gone when the test is over. */

import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "./eventually.ts";

const KILL_AFTER_MS = 5000;

export interface Exit {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export class TestProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #command: string;
  #output = "";
  #exit: Exit | undefined;

  private constructor(child: ChildProcess, command: string) {
    this.#child = child;
    this.#command = command;
    this.pid = child.pid ?? Number.NaN;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#keep(`${error.message}\n`);
        resolve(this.#finish({ code: 127, signal: undefined }));
      });
      child.once("close", (code, signal) => {
        resolve(this.#finish({ code: code ?? undefined, signal: signal ?? undefined }));
      });
    });
  }

  /** `command`: the program and its arguments. It leads a process group of its own, so that its children end with it. */
  static start(command: readonly string[], options: SpawnOptions = {}): TestProcess {
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    return new TestProcess(child, command.join(" "));
  }

  /** Standard output and standard error, as they came. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the output matches; rejects when the program ends before. */
  async printed(pattern: RegExp, withinMs?: number): Promise<RegExpMatchArray> {
    const match = await eventually(
      `"${this.#command}" printing ${pattern}`,
      () => this.#output.match(pattern) ?? this.#exit,
      (seen) => seen !== undefined,
      withinMs,
    );
    if (Array.isArray(match)) return match;
    throw new Error(`"${this.#command}" ended before it printed ${pattern}:\n${this.#output}`);
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends SIGTERM and waits for the end; what is still there after `killAfterMs` is killed. Idempotent. */
  async stop(killAfterMs = KILL_AFTER_MS): Promise<Exit> {
    if (this.#exit === undefined) this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#killGroup(), killAfterMs);
    const exit = await this.exited;
    clearTimeout(timer);
    this.#killGroup();
    return exit;
  }

  #killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Nobody is left in the group: that is what is wanted.
    }
  }

  #finish(exit: Exit): Exit {
    this.#exit = exit;
    return exit;
  }

  #keep(text: string): void {
    this.#output += text;
  }
}

/** Runs a program to its end. */
export async function run(
  command: readonly string[],
  options: SpawnOptions & { readonly withinMs?: number } = {},
): Promise<{ readonly code: number | undefined; readonly output: string }> {
  const child = TestProcess.start(command, options);
  const timer = setTimeout(() => void child.stop(0), options.withinMs ?? 60_000);
  const { code } = await child.exited;
  clearTimeout(timer);
  return { code, output: child.output };
}
