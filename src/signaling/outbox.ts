/**
 * Numbers what one seat is sent, and keeps the newest of it for a client whose socket dropped. Kept is what the client may
 * have missed: all since the last ping that it answered, within the bounds.
 */

export interface OutboxLimits {
  readonly maxReplayMessages: number;
  readonly maxReplayBytes: number;
}

/** A frame; of an `ok`, which half of them are, no more than the `ref` that it answers. */
type Kept = string | number;

/** Most seats have everything most of the time. */
const NOTHING: Kept[] = [];

export class Outbox {
  readonly #limits: OutboxLimits;
  /** What has the numbers lastSeq - kept.length + 1 to lastSeq. */
  #kept = NOTHING;
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
    return this.addUnclosed(body.slice(0, -1));
  }

  /** The same for JSON text that lacks its closing brace. */
  addUnclosed(body: string): string {
    const frame = closed(body, ++this.#lastSeq);
    this.#keep(frame, Buffer.byteLength(frame));
    return frame;
  }

  /** The same for the `ok` to a request. */
  addOk(ref: number): string {
    const frame = okFrame(ref, ++this.#lastSeq);
    this.#keep(ref, frame.length);
    return frame;
  }

  /** The frames after `lastSeq`, oldest first; undefined when some of them are no longer kept or were never sent. */
  since(lastSeq: number): string[] | undefined {
    const missed = this.#lastSeq - lastSeq;
    if (missed < 0 || missed > this.#kept.length) return undefined;
    const missing = this.#kept.slice(this.#kept.length - missed);
    return missing.map((kept, index) => frameOf(kept, lastSeq + 1 + index));
  }

  /** The client has everything up to this number. */
  forgetThrough(seq: number): void {
    const keep = Math.max(0, this.#lastSeq - seq);
    if (keep === 0) {
      this.#kept = NOTHING;
      this.#keptBytes = 0;
      return;
    }
    while (this.#kept.length > keep) this.#forgetOldest();
  }

  #keep(kept: Kept, bytes: number): void {
    if (this.#kept === NOTHING) this.#kept = [kept];
    else this.#kept.push(kept);
    this.#keptBytes += bytes;
    const { maxReplayMessages, maxReplayBytes } = this.#limits;
    while (this.#kept.length > maxReplayMessages || this.#keptBytes > maxReplayBytes) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const seq = this.#lastSeq - this.#kept.length + 1;
    const kept = this.#kept.shift();
    if (kept !== undefined) this.#keptBytes -= Buffer.byteLength(frameOf(kept, seq));
  }
}

/** A frame: the message's JSON text with its number put in, so that one text serves many seats. */
export function numbered(body: string, seq: number): string {
  return closed(body.slice(0, -1), seq);
}

function closed(body: string, seq: number): string {
  return `${body},"seq":${seq}}`;
}

function frameOf(kept: Kept, seq: number): string {
  return typeof kept === "string" ? kept : okFrame(kept, seq);
}

function okFrame(ref: number, seq: number): string {
  return `{"type":"ok","ref":${ref},"seq":${seq}}`;
}
