/** One end of a connection that carries bytes. */

import type { Socket } from "node:net";
import { Mailbox } from "./mailbox.ts";

const PATIENCE_MS = 5000;

type Subscribe = (take: (bytes: Buffer) => void) => void;

export class ByteEnd {
  readonly socket: Socket;
  readonly localPort: number;
  readonly #segments = new Mailbox<Buffer>("bytes", PATIENCE_MS);
  #rest: Buffer = Buffer.alloc(0);
  #receivedCount = 0;
  /** The other side has said its last byte. */
  isEnded = false;
  readonly closed: Promise<void>;
  /** Nothing more will come: the other side has said so, or is gone. */
  readonly over: Promise<void>;

  /** `subscribe` says how bytes come; by default all that the socket gets. */
  constructor(socket: Socket, subscribe: Subscribe = (take) => void socket.on("data", take)) {
    this.socket = socket;
    this.localPort = socket.localPort ?? 0;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    this.over = new Promise((resolve) => {
      socket.once("end", () => resolve());
      socket.once("close", () => resolve());
    });
    socket.on("error", () => undefined);
    socket.once("end", () => {
      this.isEnded = true;
    });
    subscribe((bytes) => {
      this.#receivedCount += bytes.length;
      this.#segments.put(bytes);
    });
  }

  /** Bytes in all. */
  get receivedCount(): number {
    return this.#receivedCount;
  }

  /** Rejects with NoAnswerError when so many do not come in time. */
  async take(count: number): Promise<Buffer> {
    const parts = [this.#rest];
    for (let length = this.#rest.length; length < count; ) {
      const segment = await this.#segments.take();
      parts.push(segment);
      length += segment.length;
    }
    const bytes = Buffer.concat(parts);
    this.#rest = bytes.subarray(count);
    return bytes.subarray(0, count);
  }

  async takeText(count: number): Promise<string> {
    return (await this.take(count)).toString();
  }

  /** Resolves when the system has taken them all. */
  write(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }
}
