/** Finds sockets that are dead without having said so: a ping at every interval, and no pong by the next is the end. */

export class Heartbeat {
  readonly #intervalMs: number;
  #nextAtMs: number;
  #pongMissing = false;
  #seqAtPing = 0;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#nextAtMs = nowMs + intervalMs;
  }

  /** What to do now. `lastSeq`: the number of the newest message that was sent, for `pong` to return. */
  beat(nowMs: number, lastSeq: number): "wait" | "ping" | "dead" {
    if (nowMs < this.#nextAtMs) return "wait";
    if (this.#pongMissing) return "dead";
    this.#nextAtMs = nowMs + this.#intervalMs;
    this.#pongMissing = true;
    this.#seqAtPing = lastSeq;
    return "ping";
  }

  /** Everything up to the number returned has arrived, or the ping behind it would not have. 0: nothing is known. */
  pong(): number {
    if (!this.#pongMissing) return 0;
    this.#pongMissing = false;
    return this.#seqAtPing;
  }

  /** Numbers start anew: the ping on its way says nothing about them. */
  forgetSeq(): void {
    this.#seqAtPing = 0;
  }
}
