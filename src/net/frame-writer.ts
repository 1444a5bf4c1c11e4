/**
 * How frames leave: those of one turn of the event loop in one write over TCP. Over TLS a few of them leave in a record each, many in
 * few records.
 */

import type { Socket } from "node:net";
import type { TurnEnd, WriteBatch } from "./write-batch.ts";

export interface FrameWriter {
  /** What was given and not yet taken by the system. */
  readonly waitingBytes: number;
  write(frame: Uint8Array): void;
  /** Whoever writes to the socket next writes behind everything that was given. */
  flush(): void;
}

export class TcpWriter implements FrameWriter, TurnEnd {
  readonly #socket: Socket;
  readonly #batch: WriteBatch;
  #isCorked = false;

  constructor(socket: Socket, batch: WriteBatch) {
    this.#socket = socket;
    this.#batch = batch;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  write(frame: Uint8Array): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      this.#batch.add(this);
    }
    this.#socket.write(frame);
  }

  endTurn(): void {
    this.#isCorked = false;
    this.#socket.uncork();
  }

  flush(): void {
    // The socket has it all.
  }
}

/** A TLS record's largest content. */
const MAX_RECORD_BYTES = 16_384;
/** More than this waits for a client under load only. */
const FEW_BYTES = 4096;

/**
 * turnutils_uclient takes each record for one message, though RFC 8656 says nothing of the kind; node joins in one record what is
 * written while it is busy. So only what is more than a few frames is joined.
 */
export class TlsWriter implements FrameWriter, TurnEnd {
  readonly #socket: Socket;
  readonly #batch: WriteBatch;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWriting = false;

  constructor(socket: Socket, batch: WriteBatch) {
    this.#socket = socket;
    this.#batch = batch;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength + this.#queuedBytes;
  }

  write(frame: Uint8Array): void {
    if (!this.#isWriting && this.#queue.length === 0) this.#batch.add(this);
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
  }

  endTurn(): void {
    if (!this.#isWriting) this.#passNext();
  }

  flush(): void {
    for (const frame of this.#queue.splice(0)) this.#socket.write(frame);
    this.#queuedBytes = 0;
  }

  #passNext(): void {
    const frames = this.#queue.splice(0, this.#countNext());
    for (const frame of frames) this.#queuedBytes -= frame.length;
    const [first] = frames;
    if (first === undefined) return;
    this.#isWriting = true;
    this.#socket.write(frames.length === 1 ? first : Buffer.concat(frames), this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#isWriting = false;
    if (!error) return this.#passNext();
    this.#queue = [];
    this.#queuedBytes = 0;
  };

  /** How many frames go into the next record. */
  #countNext(): number {
    if (this.#queuedBytes <= FEW_BYTES) return 1;
    let [count, bytes] = [0, 0];
    for (const frame of this.#queue) {
      bytes += frame.length;
      if (bytes > MAX_RECORD_BYTES) break;
      count++;
    }
    return Math.max(1, count);
  }
}
