/** A signaling client for tests: sends JSON, waits for messages by type. */

import { WebSocket } from "ws";
import type { ServerMessage } from "../../src/signaling/protocol.ts";

type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

const WAIT_MS = 5000;

export class SignalingClient {
  readonly webSocket: WebSocket;
  readonly received: ServerMessage[] = [];
  /** Resolves when the socket is gone. */
  readonly closed: Promise<{ code: number; reason: string }>;
  #ref = 0;
  #looked = 0;
  #wake: (() => void) | undefined;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on("message", (data) => {
      this.received.push(JSON.parse(String(data)) as ServerMessage);
      this.#wake?.();
    });
    this.closed = new Promise((resolve) => {
      webSocket.on("close", (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.#wake?.();
      });
    });
  }

  /** `url`: ws://127.0.0.1:8080/signal. Rejects when the upgrade is refused. */
  static async open(
    url: string,
    options: ConstructorParameters<typeof WebSocket>[2] = {},
  ): Promise<SignalingClient> {
    const webSocket = new WebSocket(url, options);
    const client = new SignalingClient(webSocket);
    await new Promise<void>((resolve, reject) => {
      webSocket.once("open", resolve);
      webSocket.on("error", reject);
    });
    return client;
  }

  /** Gives the message a `ref` and sends it; returns the `ref`. */
  send(message: { readonly type: string; readonly [key: string]: unknown }): number {
    const ref = this.#ref++;
    this.webSocket.send(JSON.stringify({ ref, ...message }));
    return ref;
  }

  async join(room: string, more: Record<string, unknown> = {}): Promise<MessageOf<"joined">> {
    this.send({ type: "join", v: 1, room, ...more });
    return this.next("joined");
  }

  /** The next message of this type, in the order of arrival; what comes before it is passed over. */
  async next<Type extends ServerMessage["type"]>(type: Type): Promise<MessageOf<Type>> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const message = this.received[this.#looked];
      if (message !== undefined) {
        this.#looked++;
        if (message.type === type) return message as MessageOf<Type>;
      } else if (this.webSocket.readyState === WebSocket.CLOSED || performance.now() >= deadline) {
        const types = this.received.map((seen) => seen.type).join(" ");
        throw new Error(`no "${type}" came; received: ${types}`);
      } else {
        await this.#arrival(deadline - performance.now());
      }
    }
  }

  /** Closes the socket and waits until it is gone. */
  async close(): Promise<void> {
    this.webSocket.close();
    await this.closed;
  }

  #arrival(boundMs: number): Promise<void> {
    return new Promise((resolve) => {
      const bound = setTimeout(resolve, boundMs);
      this.#wake = () => {
        clearTimeout(bound);
        resolve();
      };
    });
  }
}
