/**
 * One client's WebSocket, from the first frame to the last:
 *
 *            ┌──────── refused, left, cleared out ────────┐
 *            ▼                                            │
 *   idle ── create/join ─► joining (authorize) ──► seated ┤
 *    │                         │                     │    └─ socket lost: closed here, the seat waits
 *    └──────── timeout ────────┴──────────► closed ◄─┘
 *
 * Where the room lives at another node (directory.ts), `joining` leads to `elsewhere`: what is weighed here is read there, by the guest that
 * stands for this connection there and goes the same ways.
 *
 * A frame is first weighed (rate, size), then read (JSON, `ref`, schema), then acted upon (requests.ts).
 */

import { addressKey } from "./address-counts.ts";
import { seatLost } from "./departures.ts";
import type { Entry, HandedBack, Passage } from "./directory.ts";
import { Heartbeat } from "./heartbeat.ts";
import { type HubState, settle } from "./hub-state.ts";
import { Intake } from "./intake.ts";
import { numbered } from "./outbox.ts";
import type { Connection, ConnectionInfo, SignalingLink, Urgency } from "./ports.ts";
import { CLOSE_CODES, type ErrorCode, type ServerMessageBody } from "./protocol.ts";
import { handleRequest } from "./requests.ts";
import { confirmToken } from "./resume-tokens.ts";
import { readMessage, readRefOf } from "./schemas.ts";
import type { Seat, SeatConnection } from "./session.ts";
import { WaitingFrames } from "./waiting-frames.ts";

type Phase =
  | { readonly kind: "idle"; readonly sinceMs: number }
  | { readonly kind: "joining"; readonly sinceMs: number; readonly ref: number; readonly passage?: Passage }
  | { readonly kind: "seated"; readonly seat: Seat }
  | { readonly kind: "elsewhere"; readonly passage: Passage }
  | { readonly kind: "closed" };

/** What a connection has behind it that was at another node before. */
export type Past = Pick<Entry, "lastSeq" | "hops"> & { readonly lastRef: number };

const NO_PAST: Past = { lastSeq: 0, lastRef: -1, hops: 0 };

/** RFC 6455's registry: "Try Again Later". */
const CLOSE_TRY_AGAIN_LATER = 1013;

export class ClientConnection implements Connection, SeatConnection {
  readonly info: ConnectionInfo;
  /** Nodes that it has passed; 0: the socket is here. */
  readonly hops: number;
  protected readonly state: HubState;
  readonly #link: SignalingLink;
  /** Undefined: not counted. */
  readonly #countedFor: string | undefined;
  readonly #intake: Intake;
  readonly #waiting: WaitingFrames;
  readonly #heartbeat: Heartbeat;
  #phase: Phase;
  /** Of what was sent while there was no seat; a seat made on this connection goes on from here. */
  #lastSeq: number;
  #lastRef: number;
  /** Sent in this phase. */
  #frames = 0;
  /** Found dead while sending: nothing more goes out, and `settle` will end it. */
  #dead = false;

  /** `isLimited` false: neither counted by address nor held to a rate. */
  constructor(
    state: HubState,
    link: SignalingLink,
    info: ConnectionInfo,
    isLimited = !info.exemptFromLimits,
    past = NO_PAST,
  ) {
    const nowMs = state.ports.now();
    this.info = info;
    this.state = state;
    this.#link = link;
    this.hops = past.hops;
    this.#lastSeq = past.lastSeq;
    this.#lastRef = past.lastRef;
    this.#countedFor = isLimited ? addressKey(info.address) : undefined;
    this.#intake = new Intake(state.options, isLimited, nowMs);
    this.#phase = { kind: "idle", sinceMs: nowMs };
    this.#waiting = new WaitingFrames(state.options.maxMessageBytes);
    this.#heartbeat = new Heartbeat(state.options.heartbeatSeconds * 1000, nowMs);
    this.register();
    if (this.#countedFor !== undefined) state.connectionsPerAddress.add(this.#countedFor);
  }

  protected register(): void {
    this.state.connections.add(this);
  }

  protected unregister(): void {
    this.state.connections.delete(this);
  }

  get seat(): Seat | undefined {
    return this.#phase.kind === "seated" ? this.#phase.seat : undefined;
  }

  get lastSeq(): number {
    return this.#phase.kind === "seated" ? this.#phase.seat.outbox.lastSeq : this.#lastSeq;
  }

  // ---- what the socket tells

  receiveText(text: string): void {
    this.#receive(text, "text");
  }

  receiveBinary(): void {
    this.#receive("", "binary");
  }

  receivePong(): void {
    const mark = this.#heartbeat.pong();
    if (this.#phase.kind === "elsewhere") this.#phase.passage.arrived(mark);
    else if (this.#phase.kind === "seated") this.#confirm(this.#phase.seat, mark);
  }

  closed(): void {
    this.end();
    settle(this.state);
  }

  // ---- what the hub tells

  send(message: ServerMessageBody): void {
    if (this.#phase.kind === "seated") this.#phase.seat.send(message);
    else if (this.#phase.kind === "elsewhere") this.#phase.passage.tell(message);
    else this.sendFrame(numbered(JSON.stringify(message), ++this.#lastSeq));
  }

  /** The direct answer to a request that failed, or word of a message that could not be read. */
  fail(ref: number | undefined, code: ErrorCode, message: string): void {
    this.state.announce("requestFailed", code);
    this.send(ref === undefined ? { type: "error", code, message } : { type: "error", ref, code, message });
  }

  /** A word to a client whose room is at another node. */
  tellElsewhere(message: ServerMessageBody): void {
    if (this.#phase.kind === "elsewhere") this.#phase.passage.tell(message);
  }

  /** Sends one finished frame. A reader that is too slow, or a link that throws, is dead from here on. */
  sendFrame(frame: string, urgency?: Urgency): void {
    if (this.#phase.kind === "closed" || this.#dead) return;
    if (this.#link.bufferedBytes > this.state.options.maxBufferedBytes) return this.#markDead();
    this.#frames++;
    try {
      this.#link.send(frame, urgency);
    } catch (error) {
      this.state.announce("failed", error);
      this.#markDead();
    }
  }

  /** From now on messages wait, until `endJoining`. */
  beginJoining(ref: number): void {
    if (this.#phase.kind === "idle") this.#phase = { kind: "joining", ref, sinceMs: this.#phase.sinceMs };
  }

  /** The join is decided. False: the connection is gone meanwhile. */
  endJoining(): boolean {
    if (this.#phase.kind !== "joining") return false;
    this.#phase = { kind: "idle", sinceMs: this.#phase.sinceMs };
    return true;
  }

  /** Reads what waited for the join, in order. */
  readWaiting(): void {
    while (this.#phase.kind === "idle" || this.#phase.kind === "seated") {
      const text = this.#waiting.shift();
      if (text === undefined) return;
      this.#read(text);
    }
  }

  /** While it joins: the room lives at another node, which is asked. */
  passing(passage: Passage): void {
    if (this.#phase.kind === "joining") this.#phase = { ...this.#phase, passage };
    else passage.closed();
  }

  /** The other node has let it in. */
  goElsewhere(): void {
    if (this.#phase.kind !== "joining" || this.#phase.passage === undefined) return;
    const { passage } = this.#phase;
    this.#begin({ kind: "elsewhere", passage });
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift())
      passage.text(text);
  }

  take(seat: Seat): void {
    this.#begin({ kind: "seated", seat });
  }

  /** Frames and their numbers start anew. */
  #begin(phase: Extract<Phase, { kind: "seated" | "elsewhere" }>): void {
    this.#phase = phase;
    this.#frames = 0;
    this.#heartbeat.forgetSeq();
    this.letIn();
  }

  protected letIn(): void {}

  /**
   * Takes over a seat that had another socket. Refs go on where the seat's ended, so that the client may repeat what was
   * not answered; for a client that counts from the start again (a page that was loaded again) they go on from its join.
   */
  takeOver(seat: Seat): void {
    this.take(seat);
    this.#lastRef = Math.min(this.#lastRef, seat.lastRef);
  }

  vacate(): void {
    if (this.#phase.kind !== "seated") return;
    this.#lastSeq = this.#phase.seat.outbox.lastSeq;
    this.#phase = { kind: "idle", sinceMs: this.state.ports.now() };
  }

  /** Its seat at another node has ended. */
  comeBack({ lastSeq, lastRef, unread }: HandedBack): void {
    if (this.#phase.kind !== "elsewhere") return;
    this.#phase = { kind: "idle", sinceMs: this.state.ports.now() };
    this.#lastSeq = lastSeq;
    this.#lastRef = lastRef;
    this.#heartbeat.forgetSeq();
    for (const one of unread) {
      if (typeof one === "string") this.#accept(one);
      else this.send(one);
    }
  }

  /** Ends it where it is nowhere. What is left of it for another node; undefined: it is somewhere. */
  protected withdraw(): Omit<HandedBack, "unread"> | undefined {
    if (this.#phase.kind !== "idle") return undefined;
    this.end();
    return { lastSeq: this.#lastSeq, lastRef: this.#lastRef };
  }

  /** The client has had all that was sent in this phase but the last `missing` frames. */
  protected confirmAllBut(missing: number): void {
    if (missing > this.#frames) return;
    if (this.#phase.kind === "elsewhere") this.#phase.passage.arrived(this.#frames - missing);
    else if (this.#phase.kind === "seated") this.#confirm(this.#phase.seat, this.lastSeq - missing);
  }

  replaced(): number {
    // The seat lives on with another socket: this one goes without a word to the room.
    this.vacate();
    this.close(CLOSE_CODES.replaced, "another socket took this seat");
    return this.#lastRef;
  }

  /** Says goodbye. A seat waits for its member as after any loss. Idempotent. */
  close(code: number, reason: string): void {
    if (!this.end()) return;
    this.state.announce("connectionClosed", code);
    this.#guardLink(() => this.#link.close(code, reason));
  }

  /** Ends it without a goodbye. */
  cut(): void {
    this.end();
    this.#guardLink(() => this.#link.terminate());
  }

  /** Once a second. */
  sweep(nowMs: number): void {
    if (this.#phase.kind === "idle" || this.#phase.kind === "joining")
      this.#sweepJoinTimeout(this.#phase, nowMs);
    if (this.#phase.kind === "closed") return;
    this.beat(nowMs);
  }

  protected beat(nowMs: number): void {
    const mark = this.#phase.kind === "elsewhere" ? this.#frames : this.lastSeq;
    const action = this.#heartbeat.beat(nowMs, mark);
    if (action === "ping" && !this.#guardLink(() => this.#link.ping())) this.#markDead();
    if (action !== "dead") return;
    this.close(CLOSE_CODES.heartbeat, "no pong");
    this.cut();
  }

  // ---- reading

  #receive(text: string, kind: "text" | "binary"): void {
    if (this.#phase.kind === "closed") return;
    const weight = this.#intake.weigh(text, this.state.ports.now());
    if (weight === "over-rate" || weight === "flood") this.#refuse(text, weight);
    else if (weight === "too-large") this.#refuseTooLarge(text);
    else if (kind === "binary")
      this.#bad(undefined, "bad-message", "binary frames are no part of this protocol");
    else this.#accept(text);
    settle(this.state);
  }

  /** A text that was weighed. */
  #accept(text: string): void {
    if (this.#phase.kind === "joining") this.#wait(text);
    else if (this.#phase.kind === "elsewhere") this.#passOn(this.#phase.passage, text);
    else if (this.#phase.kind !== "closed") this.#read(text);
  }

  /** What is refused unread leaves no trace: its `ref` may be used again. */
  #refuse(text: string, weight: "over-rate" | "flood"): void {
    this.fail(readRefOf(text), "rate-limited", "too many messages; send more slowly");
    if (weight === "flood") this.close(CLOSE_CODES.rate, "too many messages");
  }

  #refuseTooLarge(text: string): void {
    const { maxMessageBytes } = this.state.options;
    this.#bad(readRefOf(text), "too-large", `a message has at most ${maxMessageBytes} bytes`);
  }

  #passOn(passage: Passage, text: string): void {
    if (passage.waitingBytes <= this.state.options.maxBufferedBytes) return passage.text(text);
    this.close(CLOSE_TRY_AGAIN_LATER, "the server of this room cannot be reached");
  }

  #wait(text: string): void {
    if (this.#waiting.push(text)) return;
    this.fail(readRefOf(text), "rate-limited", "too many messages before the join is answered");
  }

  #read(text: string): void {
    const result = readMessage(text);
    const ref = result.ok ? result.message.ref : result.ref;
    if (ref !== undefined) {
      if (ref <= this.#lastRef) return this.#bad(ref, "bad-message", `ref: must be above ${this.#lastRef}`);
      this.#lastRef = ref;
    }
    if (!result.ok) return this.#bad(ref, "bad-message", result.problem);
    this.#intake.forgive();
    handleRequest(this.state, this, result.message, text);
  }

  #bad(ref: number | undefined, code: ErrorCode, problem: string): void {
    this.fail(ref, code, problem);
    if (this.#intake.isTooMuch()) this.close(CLOSE_CODES.protocol, "too many bad messages");
  }

  // ---- ending

  #sweepJoinTimeout(phase: Extract<Phase, { sinceMs: number }>, nowMs: number): void {
    if (nowMs - phase.sinceMs < this.state.options.joinTimeoutSeconds * 1000) return;
    if (phase.kind === "joining") this.fail(phase.ref, "unavailable", "the join was not decided in time");
    this.close(CLOSE_CODES.protocol, "no join in time");
  }

  /** The client has everything up to this number. */
  #confirm(seat: Seat, arrivedSeq: number): void {
    seat.outbox.forgetThrough(arrivedSeq);
    confirmToken(this.state, seat, arrivedSeq);
  }

  #markDead(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.state.lost.push(this);
  }

  /** From here on the connection takes and gives nothing. False: it had ended before. */
  protected end(): boolean {
    const phase = this.#phase;
    if (phase.kind === "closed") return false;
    this.#phase = { kind: "closed" };
    this.#waiting.clear();
    this.unregister();
    if (this.#countedFor !== undefined) this.state.connectionsPerAddress.remove(this.#countedFor);
    if (phase.kind === "seated") seatLost(this.state, phase.seat, this.#lastRef);
    else if (phase.kind === "elsewhere") phase.passage.closed();
    else if (phase.kind === "joining") phase.passage?.closed();
    return true;
  }

  #guardLink(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.state.announce("failed", error);
      return false;
    }
  }
}
