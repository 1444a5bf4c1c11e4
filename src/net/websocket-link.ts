/** One WebSocket as the hub sees it: text in, text out. */

import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Connection, SignalingLink } from "../signaling/ports.ts";

export class WebSocketLink implements SignalingLink {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  #corked = false;

  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  /** Bytes that wait because the other end does not read. */
  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(text: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#cork();
    this.#webSocket.send(text);
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  /** Says goodbye; the socket is cut when the other end does not answer in time (`ws`: closeTimeout). */
  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  /** Passes on what arrives. `failed` hears of a receiver that threw: the connection ends, the process does not. */
  deliverTo(receiver: Connection, failed: (error: unknown) => void): void {
    const guarded = (deliver: () => void) => {
      try {
        deliver();
      } catch (error) {
        failed(error);
        this.#webSocket.close(1011, "internal error");
      }
    };
    this.#webSocket.on("message", function onMessage(data, isBinary) {
      guarded(() => (isBinary ? receiver.receiveBinary() : receiver.receiveText(String(data))));
    });
    this.#webSocket.on("pong", () => guarded(() => receiver.receivePong()));
    this.#webSocket.on("close", () => guarded(() => receiver.closed()));
  }

  /** Messages of one tick leave in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }
}
