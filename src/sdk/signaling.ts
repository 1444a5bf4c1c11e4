/**
 * The connection to the server, over as many sockets as it takes:
 *
 *   connecting ── joined ─► seated ── socket lost ─► waiting (backoff) ─┐
 *      ▲  ▲                                                             │
 *      │  └──────────── resume: resumeToken, lastSeq ◄──────────────────┘
 *      └─ resume-failed: a fresh join of the same room on the same socket
 *
 * The first join is tried once: its failure is the caller's to judge. After that the connection comes back by itself,
 * until it is closed, refused, replaced by another socket, or away for longer than ten minutes. A socket counts as lost
 * as well when a request meets nothing but silence.
 */

import type { ServerMessage } from "../signaling/protocol.ts";
import { Backoff } from "./backoff.ts";
import type { Environment, SocketLike, TimerId } from "./environment.ts";
import { describeCause, TurnpikeError } from "./errors.ts";
import { freshRequest, type JoinRequestOptions, type Resumption, resumeRequest } from "./join-request.ts";
import { Outbound } from "./outbound.ts";
import type { Reply, Request } from "./requests.ts";
import { readServerMessage } from "./server-message.ts";

export type JoinedMessage = Extract<ServerMessage, { type: "joined" }>;

export interface SignalingOptions extends JoinRequestOptions {
  readonly url: string;
  readonly resume: Resumption | undefined;
}

/** `rejoined`: the old seat is gone, this is another one in the same room. */
export type JoinKind = "first" | "resumed" | "rejoined";

export interface SignalingObserver {
  /** A TurnpikeError thrown at the first refuses the join. */
  joined(message: JoinedMessage, kind: JoinKind): void;
  /** Everything but direct answers; each `seq` once, in order. */
  message(message: ServerMessage): void;
  /** The socket is lost, and the connection tries to come back. */
  dropped(): void;
  /** It will not come back. Not called after `close`. */
  ended(reason: "replaced" | "unauthorized" | "connection-lost" | "refused", error: TurnpikeError): void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting" | "seated"; readonly socket: SocketLike }
  | { readonly kind: "waiting"; readonly timer: TimerId }
  | { readonly kind: "closed" };

const CLOSE_REPLACED = 4001;
const CLOSE_UNAUTHORIZED = 4003;

const ATTEMPT_TIMEOUT_MS = 10_000;
const GIVE_UP_MS = 600_000;
const BACKOFF = { firstMs: 500, maxMs: 15_000 };

/** A join that meets these may succeed later. */
const PASSING_ERRORS: readonly string[] = [
  "unavailable",
  "draining",
  "rate-limited",
  "server-full",
  "closed",
];

export class Signaling {
  readonly #options: SignalingOptions;
  readonly #environment: Environment;
  readonly #observer: SignalingObserver;
  readonly #outbound: Outbound;
  readonly #backoff: Backoff;
  readonly #stopListening: () => void;
  #state: State = { kind: "idle" };
  #resumeToken: string | undefined;
  #lastSeq = 0;
  /** The `ref` of the join that waits for its answer. */
  #joinRef = 0;
  #droppedAtMs: number | undefined;
  #attemptTimer: TimerId | undefined;
  #first: { resolve(message: JoinedMessage): void; reject(error: TurnpikeError): void } | undefined;

  constructor(options: SignalingOptions, environment: Environment, observer: SignalingObserver) {
    this.#options = options;
    this.#environment = environment;
    this.#observer = observer;
    this.#backoff = new Backoff(BACKOFF, environment.random);
    this.#outbound = new Outbound(environment, () => this.#silent());
    this.#resumeToken = options.resume?.resumeToken;
    this.#lastSeq = options.resume?.lastSeq ?? 0;
    this.#stopListening = environment.onOnline(() => this.#online());
  }

  get resumption(): Resumption | undefined {
    if (this.#resumeToken === undefined || this.#state.kind === "closed") return undefined;
    return { resumeToken: this.#resumeToken, lastSeq: this.#lastSeq };
  }

  /** Opens the first socket and joins. Called once. Rejects with a TurnpikeError. */
  join(): Promise<JoinedMessage> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#connect();
    });
  }

  /** Sends a request, now or when the connection is back. Rejects with the server's error, or with `closed`. */
  request(request: Request): Promise<Reply> {
    if (this.#state.kind === "closed") return Promise.reject(closedError());
    return this.#outbound.request(request);
  }

  /** Ends the connection for good. Idempotent. */
  close(): void {
    this.#shut();
    this.#first?.reject(closedError());
    this.#first = undefined;
  }

  // ---- sockets

  #connect(): void {
    let socket: SocketLike;
    try {
      socket = this.#environment.createSocket(this.#options.url);
    } catch (error) {
      this.#attemptFailed(new TurnpikeError("connection-failed", describeCause(error), error));
      return;
    }
    this.#state = { kind: "connecting", socket };
    this.#attemptTimer = this.#environment.setTimeout(() => this.#abandon(socket), ATTEMPT_TIMEOUT_MS);
    socket.onopen = () => this.#sendJoin(socket);
    socket.onmessage = (event) => this.#receive(socket, event.data);
    socket.onclose = (event) => this.#socketClosed(socket, event.code, event.reason);
    // What goes wrong on a socket ends it: "close" follows.
    socket.onerror = null;
  }

  #abandon(socket: SocketLike): void {
    detach(socket);
    socket.close();
    this.#attemptFailed(new TurnpikeError("connection-failed", "the server did not answer in time"));
  }

  #socketClosed(socket: SocketLike, code: number, reason: string): void {
    const wasSeated = this.#state.kind === "seated";
    detach(socket);
    const text = reason === "" ? `the connection was closed (${code})` : `${reason} (${code})`;
    if (code === CLOSE_REPLACED) return this.#end("replaced", new TurnpikeError("connection-lost", text));
    if (code === CLOSE_UNAUTHORIZED)
      return this.#end("unauthorized", new TurnpikeError("unauthorized", text));
    if (wasSeated) this.#backoff.reset();
    this.#attemptFailed(new TurnpikeError("connection-failed", text));
  }

  /** A first join is over now; a later one is tried again. */
  #attemptFailed(error: TurnpikeError): void {
    this.#clearAttemptTimer();
    this.#outbound.stop();
    this.#outbound.reject(this.#joinRef, error);
    if (this.#first !== undefined) return this.#end("refused", error);
    const nowMs = this.#environment.now();
    const isNew = this.#droppedAtMs === undefined;
    this.#droppedAtMs ??= nowMs;
    if (nowMs - this.#droppedAtMs > GIVE_UP_MS) {
      return this.#end("connection-lost", new TurnpikeError("connection-lost", error.message));
    }
    const timer = this.#environment.setTimeout(() => this.#connect(), this.#backoff.next());
    this.#state = { kind: "waiting", timer };
    if (isNew) this.#observer.dropped();
  }

  /** The network is there again, or is another one: comes back now, or tries the socket that may be dead. */
  #online(): void {
    if (this.#state.kind === "waiting") {
      this.#environment.clearTimeout(this.#state.timer);
      this.#connect();
    } else if (this.#state.kind === "seated") {
      this.request({ type: "ice" }).then(
        (reply) => this.#observer.message(reply),
        () => undefined,
      );
    }
  }

  #silent(): void {
    if (this.#state.kind !== "seated") return;
    const { socket } = this.#state;
    detach(socket);
    socket.close();
    this.#backoff.reset();
    this.#attemptFailed(new TurnpikeError("connection-failed", "the server does not answer"));
  }

  #end(reason: Parameters<SignalingObserver["ended"]>[0], error: TurnpikeError): void {
    const first = this.#first;
    this.#first = undefined;
    this.#shut();
    if (first === undefined) this.#observer.ended(reason, error);
    else first.reject(error);
  }

  #shut(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#clearAttemptTimer();
    this.#outbound.stop();
    this.#stopListening();
    if (state.kind === "waiting") this.#environment.clearTimeout(state.timer);
    if (state.kind === "connecting" || state.kind === "seated") {
      detach(state.socket);
      state.socket.close(1000);
    }
    this.#outbound.rejectAll(closedError());
  }

  #clearAttemptTimer(): void {
    this.#environment.clearTimeout(this.#attemptTimer);
    this.#attemptTimer = undefined;
  }

  // ---- joining

  #sendJoin(socket: SocketLike): void {
    const { resumption } = this;
    const kind = resumption === undefined ? "fresh" : "resume";
    const join =
      resumption === undefined
        ? freshRequest(this.#options, this.#first !== undefined)
        : resumeRequest(resumption);
    const { ref, reply } = this.#outbound.requestOn(socket, join);
    this.#joinRef = ref;
    reply.then(
      () => undefined,
      (error: TurnpikeError) => this.#joinRefused(socket, kind, error),
    );
  }

  #joinRefused(socket: SocketLike, kind: "fresh" | "resume", error: TurnpikeError): void {
    if (this.#state.kind !== "connecting" || this.#state.socket !== socket) return;
    if (this.#first !== undefined) return this.#end("refused", error);
    if (kind === "resume" && error.code === "resume-failed") {
      // Nothing that was meant for the old seat has a meaning for the new one.
      this.#resumeToken = undefined;
      this.#lastSeq = 0;
      this.#outbound.rejectAll(error);
      return this.#sendJoin(socket);
    }
    if (!PASSING_ERRORS.includes(error.code)) return this.#end("refused", error);
    detach(socket);
    socket.close(1000);
    this.#attemptFailed(error);
  }

  #seated(socket: SocketLike, message: JoinedMessage): void {
    const isResume = this.#resumeToken !== undefined;
    const first = this.#first;
    this.#state = { kind: "seated", socket };
    this.#clearAttemptTimer();
    this.#droppedAtMs = undefined;
    this.#resumeToken = message.resumeToken;
    if (first === undefined) this.#observer.joined(message, isResume ? "resumed" : "rejoined");
    else if (!this.#tellFirst(message)) return;
    this.#first = undefined;
    first?.resolve(message);
    this.#outbound.start(socket, message.limits);
  }

  /** False: this side cannot take part. It does not `leave`: that would end the call of whoever waits in the room. */
  #tellFirst(message: JoinedMessage): boolean {
    try {
      this.#observer.joined(message, "first");
      return true;
    } catch (error) {
      this.#end("refused", error as TurnpikeError);
      return false;
    }
  }

  // ---- messages

  #receive(socket: SocketLike, data: unknown): void {
    const message = readServerMessage(data);
    if (message === undefined) return;
    // The answer to a join may carry a number of the connection instead of the seat's: it counts in any case.
    const isJoined = message.type === "joined" && message.ref === this.#joinRef;
    const isNew = message.seq > this.#lastSeq;
    const isAnswer = this.#outbound.settle(message);
    if (isNew && !(message.type === "error" && this.#state.kind === "connecting"))
      this.#lastSeq = message.seq;
    if (isJoined) this.#seated(socket, message);
    else if (!isAnswer && isNew) this.#observer.message(message);
  }
}

function detach(socket: SocketLike): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
}

function closedError(): TurnpikeError {
  return new TurnpikeError("closed", "the call is over");
}
