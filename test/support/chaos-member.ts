/**
 * A member as an application would write it, that writes down what it was told: it takes its seat back wherever it can, says again what
 * was not answered, and joins anew when its seat is gone.
 */

import type { ServerMessage } from "../../src/signaling/protocol.ts";
import type { Ledger } from "./chaos-ledger.ts";

/** What it uses of a WebSocket of `ws`. */
export interface MemberSocket {
  on(event: "open" | "close" | "error", listener: () => void): unknown;
  on(event: "message", listener: (data: unknown) => void): unknown;
  send(text: string): void;
  close(): void;
  terminate(): void;
}

export interface MemberOptions {
  readonly room: string;
  /** To any of the nodes. */
  readonly connect: () => MemberSocket;
  /** Calls back after a while, "soon" or when an answer is overdue; returns the way to stop. */
  readonly later: (when: "soon" | "overdue", callback: () => void) => () => void;
  readonly ledger: Ledger;
}

interface Pending {
  readonly text: string;
  readonly to: string;
  readonly n: number;
}

/** Said to somebody who was gone, or by somebody whose call had ended, before that was known here. */
const MISSED: readonly string[] = ["peer-not-found", "not-joined"];

export class ChaosMember {
  readonly #options: MemberOptions;
  readonly #pending = new Map<number, Pending>();
  #socket: MemberSocket | undefined;
  #stopWaiting: () => void = () => undefined;
  #isSeated = false;
  #isOver = false;
  #token: string | undefined;
  #lastSeq = 0;
  #lastRef = 0;
  #joinRef = 0;
  #leaveRef = 0;
  #said = 0;
  /** Its seat's. */
  peer: string | undefined;
  other: string | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Seated, with nothing that waits for an answer. */
  get isQuiet(): boolean {
    return this.#isSeated && this.#pending.size === 0;
  }

  /** One more word to the other one, if there is one. */
  say(): void {
    const { peer, other: to } = this;
    if (!this.#isSeated || peer === undefined || to === undefined) return;
    const n = ++this.#said;
    const ref = ++this.#lastRef;
    const text = JSON.stringify({ type: "message", ref, to, data: { n } });
    this.#pending.set(ref, { text, to, n });
    this.#socket?.send(text);
  }

  /** Hangs up, which ends the call for both; then both meet again. */
  leave(): void {
    if (!this.isQuiet) return;
    this.#isSeated = false;
    this.#leaveRef = ++this.#lastRef;
    this.#socket?.send(JSON.stringify({ type: "leave", ref: this.#leaveRef }));
  }

  /** The network is gone. */
  cut(): void {
    this.#socket?.terminate();
  }

  end(): void {
    this.#isOver = true;
    this.#stopWaiting();
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = this.#options.connect();
    this.#socket = socket;
    socket.on("open", () => this.#join());
    socket.on("message", (data) => this.#receive(JSON.parse(String(data)) as ServerMessage));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#lost());
    this.#stopWaiting = this.#options.later("overdue", () => socket.terminate());
  }

  #lost(): void {
    this.#isSeated = false;
    this.#stopWaiting();
    if (!this.#isOver) this.#stopWaiting = this.#options.later("soon", () => this.#connect());
  }

  #join(): void {
    this.#joinRef = ++this.#lastRef;
    const how =
      this.#token === undefined
        ? { room: this.#options.room }
        : { resumeToken: this.#token, lastSeq: this.#lastSeq };
    this.#socket?.send(JSON.stringify({ type: "join", v: 1, ref: this.#joinRef, ...how }));
  }

  #receive(message: ServerMessage): void {
    const isRefusal = message.type === "error" && message.ref === this.#joinRef;
    if (isRefusal) return this.#refused(message.code);
    const isFresh = message.type === "joined" && this.#token === undefined;
    // Every number once, from the first to the last of a seat's life.
    if (!isFresh && message.seq !== this.#lastSeq + 1)
      this.#options.ledger.broken(`${this.peer}: seq ${message.seq} after ${this.#lastSeq}`);
    this.#lastSeq = message.seq;
    this.#act(message);
  }

  #refused(code: string): void {
    if (code !== "resume-failed") return void this.#socket?.close();
    this.#joinAnew();
  }

  /** The seat is gone, and all that was said in it or for it. */
  #joinAnew(): void {
    this.#isSeated = false;
    this.#token = undefined;
    this.#pending.clear();
    this.#join();
  }

  #act(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        // One with another ref is the lost answer to an earlier join.
        return message.ref === this.#joinRef ? this.#seated(message) : undefined;
      case "peer-joined":
        this.other = message.peer;
        return;
      case "peer-left":
        if (this.other === message.peer) this.other = undefined;
        return;
      case "message":
        return this.#options.ledger.heard(message.from, this.peer ?? "", (message.data as { n: number }).n);
      case "ok":
        if (message.ref === this.#leaveRef) return this.#joinAnew();
        return this.#answered(message.ref, true);
      case "error":
        if (!MISSED.includes(message.code))
          this.#options.ledger.broken(`${this.peer}: ${message.code}: ${message.message}`);
        return this.#answered(message.ref ?? 0, false);
      case "room-closed":
        return this.#joinAnew();
      default:
    }
  }

  #seated(message: Extract<ServerMessage, { type: "joined" }>): void {
    this.#stopWaiting();
    if (this.#token === undefined) this.#pending.clear();
    this.#token = message.resumeToken;
    this.peer = message.peer;
    this.other = message.peers[0]?.peer;
    this.#isSeated = true;
    for (const { text } of this.#pending.values()) this.#socket?.send(text);
  }

  #answered(ref: number, isDone: boolean): void {
    const pending = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (isDone && pending !== undefined)
      this.#options.ledger.acknowledged(this.peer ?? "", pending.to, pending.n);
  }
}
