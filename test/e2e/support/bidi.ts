/** WebDriver BiDi: commands and events as JSON over a WebSocket (https://w3c.github.io/webdriver-bidi/). */

import { once } from "node:events";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { ANSWER_MS } from "./browser.ts";
import { within } from "./within.ts";

interface Answer {
  readonly type: "success" | "error" | "event";
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly message?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class BidiConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEvent: (method: string, params: Record<string, unknown>) => void;
  #lastId = 0;

  private constructor(socket: WebSocket, onEvent: (method: string, params: Record<string, unknown>) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    socket.on("message", (data) => this.#receive(JSON.parse(String(data)) as Answer));
    socket.on("close", () => this.#fail("the browser closed its BiDi connection"));
  }

  /** `url`: ws://127.0.0.1:PORT/session. `createConnection`: for a browser that is not on this side of a namespace. */
  static async open(
    url: string,
    onEvent: (method: string, params: Record<string, unknown>) => void,
    createConnection?: () => Duplex,
  ): Promise<BidiConnection> {
    const socket = new WebSocket(url, createConnection === undefined ? {} : { createConnection });
    await once(socket, "open");
    return new BidiConnection(socket, onEvent);
  }

  /** The `result` of a command; rejects with the browser's error, or when there is no answer within `ANSWER_MS`. */
  send<T>(method: string, params: Record<string, unknown>): Promise<T> {
    const id = ++this.#lastId;
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#socket.send(JSON.stringify({ id, method, params }), (error) => {
        if (error) this.#settle(id)?.reject(error);
      });
    });
    return within(ANSWER_MS, `${method} ${JSON.stringify(params)}`, answer);
  }

  close(): void {
    this.#socket.close();
  }

  #receive(answer: Answer): void {
    if (answer.type === "event") return this.#onEvent(answer.method ?? "", answer.params ?? {});
    const waiting = this.#settle(answer.id ?? 0);
    if (answer.type === "success") waiting?.resolve(answer.result);
    else waiting?.reject(new Error(`${answer.error}: ${answer.message}`));
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(message: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(new Error(message));
  }
}
