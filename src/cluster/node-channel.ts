/**
 * The way to one other node, over a bus that may lose messages: each one arrives once, in order, or the channel ends and both sides know.
 *
 *   what is sent ─► waiting (numbered, kept) ─► published ─► acknowledged by the other side, and forgotten
 *                      ▲                          │ no acknowledgement in time, or the bus was away
 *                      └──────────────────────────┘
 *
 * Each side names its life of the channel with a random tag. Who meets a tag that it does not know says so; then both begin anew, and
 * whatever was built on the channel ends. So a node that was taken for dead and comes back finds nothing half alive.
 */

import { randomBytes } from "node:crypto";

/** Whose messages wait: how much, until the other node has taken it. */
export interface Sender {
  waitingBytes: number;
}

/** One message: what it is, whom it concerns, and the rest. */
export type Operation = readonly [kind: string, id: number, ...rest: unknown[]];

export interface ChannelLimits {
  /** Published and not acknowledged at most: a subscriber that lags is cut off by Redis (8 MB for a minute). */
  readonly windowBytes: number;
  /** In one message on the bus. */
  readonly batchBytes: number;
  /** Waiting in all; more ends the channel. */
  readonly maxWaitingBytes: number;
  readonly firstResendMs: number;
  readonly maxResendMs: number;
  /** After so long a silence the other side is asked whether it knows this life of the channel still. */
  readonly keepAliveMs: number;
}

export const CHANNEL_LIMITS: ChannelLimits = {
  windowBytes: 1024 * 1024,
  batchBytes: 128 * 1024,
  maxWaitingBytes: 64 * 1024 * 1024,
  firstResendMs: 400,
  maxResendMs: 2000,
  keepAliveMs: 2000,
};

export interface ChannelPorts {
  now(): number;
  /** The JSON text of a `Frame`. */
  publish(frame: string): void;
  /** Called when something is to be published: `flush` is wanted, soon and once. */
  wake(): void;
  received(operation: Operation): void;
  /** All that was sent and not received is lost; what is sent from now on goes over a new life of the channel. */
  ended(why: "overflow" | "reset"): void;
}

/** What travels: the sender's tag, what it knows of ours, the newest number it has from us, its first number here, and the messages. */
export type Frame = readonly [
  mine: string,
  theirs: string,
  acked: number,
  first: number,
  operations: readonly Operation[],
];

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly sender: Sender | undefined;
}

export class NodeChannel {
  readonly #ports: ChannelPorts;
  readonly #limits: ChannelLimits;
  #mine = newTag();
  #theirs = "";
  /** Not acknowledged, in order; the first `#published` of them are on their way. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #published = 0;
  #publishedBytes = 0;
  /** The number of the newest message that the other side has acknowledged. */
  #ackedSeq = 0;
  /** The number of the newest message that came. */
  #receivedSeq = 0;
  #owesAck = false;
  #isOverflowing = false;
  #progressAtMs: number;
  #resendMs: number;
  #askedAtMs = 0;
  /** When the other side was heard last. */
  heardAtMs: number;

  constructor(ports: ChannelPorts, limits: ChannelLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#resendMs = limits.firstResendMs;
    this.#progressAtMs = ports.now();
    this.heardAtMs = ports.now();
  }

  get tag(): string {
    return this.#mine;
  }

  /** The other side has everything, and knows that we have everything. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#owesAck;
  }

  /** What overflows ends the channel, but not in the middle of what its caller is about: with the next `flush`. */
  send(operation: Operation, sender?: Sender): void {
    const text = JSON.stringify(operation);
    const bytes = Buffer.byteLength(text);
    this.#isOverflowing ||= this.#waitingBytes + bytes > this.#limits.maxWaitingBytes;
    if (this.#isOverflowing) return this.#ports.wake();
    if (this.#waiting.length === 0) this.#progressAtMs = this.#ports.now();
    this.#waiting.push({ text, bytes, sender });
    this.#waitingBytes += bytes;
    if (sender !== undefined) sender.waitingBytes += bytes;
    this.#ports.wake();
  }

  /** Publishes what is new, and what is owed. */
  flush(): void {
    if (this.#isOverflowing) this.#end("overflow");
    let sent = false;
    while (this.#published < this.#waiting.length && this.#publishedBytes < this.#limits.windowBytes) {
      this.#publish(this.#takeBatch());
      sent = true;
    }
    if (this.#owesAck && !sent) this.#publish([]);
  }

  /** From time to time: what was not acknowledged in time is published again. */
  tick(): void {
    const nowMs = this.#ports.now();
    if (nowMs >= this.heardAtMs + this.#limits.keepAliveMs) this.#keepAlive(nowMs);
    if (this.#published === 0 || nowMs < this.#progressAtMs + this.#resendMs) return;
    this.#resendMs = Math.min(this.#resendMs * 2, this.#limits.maxResendMs);
    this.resend();
  }

  /** The bus was away: nobody knows what it lost. */
  resend(): void {
    this.#progressAtMs = this.#ports.now();
    this.#published = 0;
    this.#publishedBytes = 0;
    this.#ports.wake();
  }

  /** False: it is for a life of this channel that has ended, and the other side is to be told. */
  receive([theirs, mine, acked, first, operations]: Frame): boolean {
    if (mine !== "" && mine !== this.#mine) return false;
    if (this.#theirs !== "" && this.#theirs !== theirs) this.#end("reset");
    this.#theirs = theirs;
    this.heardAtMs = this.#ports.now();
    if (mine !== "") this.#acknowledge(acked);
    this.#take(first, operations);
    return true;
  }

  /** The other side knows nothing of this tag any more. */
  reset(tag: string): void {
    if (tag === this.#mine) this.#end("reset");
  }

  #take(first: number, operations: readonly Operation[]): void {
    if (operations.length === 0) return;
    this.#owesAck = true;
    this.#ports.wake();
    const life = this.#mine;
    for (const [index, operation] of operations.entries()) {
      if (first + index !== this.#receivedSeq + 1) continue;
      this.#receivedSeq++;
      this.#ports.received(operation);
      // What it says may have ended this life.
      if (life !== this.#mine) return;
    }
  }

  #acknowledge(seq: number): void {
    const count = Math.min(seq - this.#ackedSeq, this.#waiting.length);
    if (count <= 0) return;
    for (const { bytes, sender } of this.#waiting.splice(0, count)) {
      this.#waitingBytes -= bytes;
      if (sender !== undefined) sender.waitingBytes -= bytes;
      if (this.#published === 0) continue;
      this.#published--;
      this.#publishedBytes -= bytes;
    }
    this.#ackedSeq += count;
    this.#progressAtMs = this.#ports.now();
    this.#resendMs = this.#limits.firstResendMs;
    if (this.#published < this.#waiting.length) this.#ports.wake();
  }

  #keepAlive(nowMs: number): void {
    if (this.#theirs === "" || nowMs < this.#askedAtMs + this.#limits.keepAliveMs) return;
    this.#askedAtMs = nowMs;
    this.#publish([]);
  }

  #takeBatch(): string[] {
    const texts: string[] = [];
    let batchBytes = 0;
    while (this.#published < this.#waiting.length && batchBytes < this.#limits.batchBytes) {
      const { text, bytes } = this.#waiting[this.#published] as Waiting;
      texts.push(text);
      batchBytes += bytes;
      this.#published++;
    }
    this.#publishedBytes += batchBytes;
    return texts;
  }

  #publish(texts: readonly string[]): void {
    this.#owesAck = false;
    const first = this.#ackedSeq + this.#published - texts.length + 1;
    const head = JSON.stringify([this.#mine, this.#theirs, this.#receivedSeq, first]);
    this.#ports.publish(`${head.slice(0, -1)},[${texts.join(",")}]]`);
  }

  #end(why: "overflow" | "reset"): void {
    this.#mine = newTag();
    this.#theirs = "";
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#published = 0;
    this.#publishedBytes = 0;
    this.#ackedSeq = 0;
    this.#receivedSeq = 0;
    this.#owesAck = false;
    this.#isOverflowing = false;
    this.#resendMs = this.#limits.firstResendMs;
    this.#ports.ended(why);
  }
}

function newTag(): string {
  return randomBytes(6).toString("base64url");
}
