/**
 * Numbers what one seat is sent, and keeps the newest of it for a client whose socket dropped. Kept is what the client may
 * have missed: all since the last ping that it answered, within the bounds.
 */

export interface OutboxLimits {
  readonly maxReplayMessages: number;
  readonly maxReplayBytes: number;
}

interface Kept {
  readonly frame: string;
  readonly bytes: number;
}

export class Outbox {
  readonly #limits: OutboxLimits;
  /** The frames with the numbers lastSeq - kept.length + 1 to lastSeq. */
  #kept: Kept[] = [];
  #keptBytes = 0;
  #lastSeq: number;

  constructor(limits: OutboxLimits, lastSeq: number) {
    this.#limits = limits;
    this.#lastSeq = lastSeq;
  }

  /** The number of the newest message. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Gives a message its number, keeps it and returns the frame to send. `body` is the JSON text of an object that is not empty. */
  add(body: string): string {
    this.#lastSeq++;
    const frame = numbered(body, this.#lastSeq);
    const bytes = Buffer.byteLength(frame);
    this.#kept.push({ frame, bytes });
    this.#keptBytes += bytes;
    while (
      this.#kept.length > this.#limits.maxReplayMessages ||
      this.#keptBytes > this.#limits.maxReplayBytes
    ) {
      this.#keptBytes -= this.#kept.shift()?.bytes ?? 0;
    }
    return frame;
  }

  /** The frames after `lastSeq`, oldest first; undefined when some of them are no longer kept or were never sent. */
  since(lastSeq: number): string[] | undefined {
    const missed = this.#lastSeq - lastSeq;
    if (missed < 0 || missed > this.#kept.length) return undefined;
    return this.#kept.slice(this.#kept.length - missed).map(({ frame }) => frame);
  }

  /** The client has everything up to this number. */
  forgetThrough(seq: number): void {
    const keep = Math.max(0, this.#lastSeq - seq);
    if (keep >= this.#kept.length) return;
    this.#kept = keep === 0 ? [] : this.#kept.slice(-keep);
    this.#keptBytes = this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

/** A frame: the message's JSON text with its number put in, so that one text serves many seats. */
export function numbered(body: string, seq: number): string {
  return `${body.slice(0, -1)},"seq":${seq}}`;
}
