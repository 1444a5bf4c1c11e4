/** Requests that wait for their answer, in the order of their `ref`. */

import type { ClientMessage, ServerMessage } from "../signaling/protocol.ts";
import { TurnpikeError } from "./errors.ts";

type WithoutRef<Message> = Message extends unknown ? Omit<Message, "ref"> : never;

/** A client's message before it has its number. */
export type Request = WithoutRef<ClientMessage>;

/** A direct answer that is not an error. */
export type Reply = Extract<ServerMessage, { type: "ok" | "joined" | "ice-servers" }>;

interface Waiting {
  readonly text: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: TurnpikeError) => void;
  sent: boolean;
}

export interface Added {
  readonly ref: number;
  readonly text: string;
  readonly reply: Promise<Reply>;
}

export class Requests {
  /** Of one message, in bytes; the server has said it when it takes requests. */
  maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #maxWaiting: number;
  readonly #waiting = new Map<number, Waiting>();
  #lastRef = 0;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Numbers a request and keeps it until it is answered. Rejected with `overloaded` when too many wait already, and with
   * `too-large` here: far above its limit the server ends the socket, and on the next one all would happen again.
   */
  add(request: Request): Promise<Reply> {
    if (this.#waiting.size >= this.#maxWaiting) {
      const problem = `${this.#maxWaiting} requests wait for an answer`;
      return Promise.reject(new TurnpikeError("overloaded", problem));
    }
    const { ref, text, reply } = this.#keep(request, false);
    if (isLonger(text, this.maxMessageBytes)) {
      this.reject(ref, new TurnpikeError("too-large", `a message has at most ${this.maxMessageBytes} bytes`));
    }
    return reply;
  }

  /** The same for a request that the caller sends now, however many wait. */
  addSent(request: Request): Added {
    return this.#keep(request, true);
  }

  /** The oldest request that was not sent on this connection; marks it as sent. */
  takeUnsent(): string | undefined {
    for (const waiting of this.#waiting.values()) {
      if (waiting.sent) continue;
      waiting.sent = true;
      return waiting.text;
    }
    return undefined;
  }

  get hasUnsent(): boolean {
    for (const waiting of this.#waiting.values()) if (!waiting.sent) return true;
    return false;
  }

  get hasSent(): boolean {
    for (const waiting of this.#waiting.values()) if (waiting.sent) return true;
    return false;
  }

  /** The connection is gone: whatever was not answered must go out again. */
  markAllUnsent(): void {
    for (const waiting of this.#waiting.values()) waiting.sent = false;
  }

  /** Gives a server's message to the request that it answers. False: it answers none. */
  settle(message: ServerMessage): boolean {
    if (!("ref" in message) || message.ref === undefined) return false;
    const waiting = this.#waiting.get(message.ref as number);
    if (waiting === undefined) return false;
    if (message.type === "error") waiting.reject(readError(message));
    else if (isReply(message)) waiting.resolve(message);
    else return false;
    this.#waiting.delete(message.ref as number);
    return true;
  }

  reject(ref: number, error: TurnpikeError): void {
    this.#waiting.get(ref)?.reject(error);
    this.#waiting.delete(ref);
  }

  rejectAll(error: TurnpikeError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  #keep(request: Request, sent: boolean): Added {
    const ref = ++this.#lastRef;
    const text = JSON.stringify({ ...request, ref });
    const reply = new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(ref, { text, resolve, reject, sent });
    });
    return { ref, text, reply };
  }
}

export function readError({ code, message, url }: Extract<ServerMessage, { type: "error" }>): TurnpikeError {
  return new TurnpikeError(code, message, undefined, url);
}

function isLonger(text: string, maxBytes: number): boolean {
  // One UTF-16 unit is one to three bytes of UTF-8.
  return text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes;
}

function isReply(message: ServerMessage): message is Reply {
  return message.type === "ok" || message.type === "joined" || message.type === "ice-servers";
}
