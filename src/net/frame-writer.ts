/** How frames leave: over TCP those of one turn of the event loop in one write, over TLS each in a record of its own as long as that keeps up. */

import type { Socket } from "node:net";
import type { WriteBatch } from "./write-batch.ts";

export interface FrameWriter {
  /** What was given and not yet taken by the system. */
  readonly waitingBytes: number;
  write(frame: Uint8Array): void;
  /** Whoever writes to the socket next writes behind everything that was given. */
  flush(): void;
}

export function createTcpWriter(socket: Socket, batch: WriteBatch): FrameWriter {
  return {
    get waitingBytes() {
      return socket.writableLength;
    },
    write(frame) {
      batch.cork(socket);
      socket.write(frame);
    },
    flush() {
      // The socket has it all.
    },
  };
}

/** A TLS record's largest content. */
const MAX_RECORD_BYTES = 16_384;

/**
 * turnutils_uclient takes each record for one message, though RFC 8656 says nothing of the kind; node joins in one record what is
 * written while it is busy. So only a queue that is longer than a record is joined.
 */
export class TlsWriter implements FrameWriter {
  readonly #socket: Socket;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWriting = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength + this.#queuedBytes;
  }

  write(frame: Uint8Array): void {
    if (!this.#isWriting) {
      this.#pass(frame);
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
  }

  flush(): void {
    for (const frame of this.#queue.splice(0)) this.#socket.write(frame);
    this.#queuedBytes = 0;
  }

  #pass(bytes: Uint8Array): void {
    this.#isWriting = true;
    this.#socket.write(bytes, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#isWriting = false;
    const taken = error ? this.#queue.length : this.#countNext();
    if (taken === 0) return;
    const frames = this.#queue.splice(0, taken);
    for (const frame of frames) this.#queuedBytes -= frame.length;
    const [first] = frames;
    if (!error && first !== undefined) this.#pass(frames.length === 1 ? first : Buffer.concat(frames));
  };

  /** How many frames go into the next record. */
  #countNext(): number {
    if (this.#queuedBytes <= MAX_RECORD_BYTES) return Math.min(1, this.#queue.length);
    let [count, bytes] = [0, 0];
    for (const frame of this.#queue) {
      bytes += frame.length;
      if (bytes > MAX_RECORD_BYTES) break;
      count++;
    }
    return Math.max(1, count);
  }
}
