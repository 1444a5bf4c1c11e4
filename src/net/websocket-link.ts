/**
 * One WebSocket as the hub sees it: text in, text out. Text leaves past `ws`: as many frames as wait, in one write; `ws` does the
 * handshake, what comes in, pings and the end.
 */

import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { Connection, SignalingLink, Urgency } from "../signaling/ports.ts";
import type { Flushable, FlushSchedule } from "./flush-schedule.ts";
import { encodeTextFrames } from "./text-frames.ts";

/** Most links wait for nothing most of the time. */
const NONE: string[] = [];

export class WebSocketLink implements SignalingLink, Flushable {
  soonPeriod = -1;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #schedule: FlushSchedule;
  #waiting = NONE;
  #waitingLength = 0;
  #due: Urgency | "never" = "never";

  constructor(webSocket: WebSocket, socket: Duplex, schedule: FlushSchedule) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#schedule = schedule;
  }

  /** Bytes that wait because the other end does not read, and what has not been given to the system yet. */
  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount + this.#waitingLength;
  }

  send(text: string, urgency: Urgency = "now"): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (this.#waiting === NONE) this.#waiting = [text];
    else this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (this.#due === "now" || this.#due === urgency) return;
    this.#due = urgency;
    if (urgency === "now") this.#schedule.atEndOfTick(this);
    else this.#schedule.soon(this);
  }

  flush(): void {
    const texts = this.#waiting;
    this.#due = "never";
    if (texts === NONE) return;
    this.#waiting = NONE;
    this.#waitingLength = 0;
    // Without extensions `ws` writes its own frames at once, so none of them is in the middle of another.
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#socket.write(encodeTextFrames(texts));
  }

  /** Whoever answers it has received everything that was sent before. */
  ping(): void {
    this.flush();
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  /** Says goodbye; the socket is cut when the other end does not answer in time (`ws`: closeTimeout). */
  close(code: number, reason: string): void {
    this.flush();
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  /** Passes on what arrives. `failed` hears of a receiver that threw: the connection ends, the process does not. */
  deliverTo(receiver: Connection, failed: (error: unknown) => void): void {
    const webSocket: DeliveringWebSocket = this.#webSocket;
    webSocket[DELIVERY] = { receiver, failed };
    webSocket.on("message", deliverMessage).on("pong", deliverPong).on("close", deliverClose);
  }
}

/** The listeners are the same for every WebSocket, and each WebSocket knows where to: closures would cost each its own. */
const DELIVERY = Symbol("delivery");

type DeliveringWebSocket = WebSocket & {
  [DELIVERY]?: { readonly receiver: Connection; readonly failed: (error: unknown) => void };
};

function deliverMessage(this: DeliveringWebSocket, data: RawData, isBinary: boolean): void {
  try {
    if (isBinary) this[DELIVERY]?.receiver.receiveBinary();
    else this[DELIVERY]?.receiver.receiveText(String(data));
  } catch (error) {
    fail(this, error);
  }
}

function deliverPong(this: DeliveringWebSocket): void {
  try {
    this[DELIVERY]?.receiver.receivePong();
  } catch (error) {
    fail(this, error);
  }
}

function deliverClose(this: DeliveringWebSocket): void {
  try {
    this[DELIVERY]?.receiver.closed();
  } catch (error) {
    fail(this, error);
  }
}

function fail(webSocket: DeliveringWebSocket, error: unknown): void {
  webSocket[DELIVERY]?.failed(error);
  webSocket.close(1011, "internal error");
}
