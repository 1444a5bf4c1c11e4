/**
 * The connection to the server, over as many sockets as it takes:
 *
 *   connecting ── joined ─► seated ── socket lost ─► waiting (backoff) ─┐
 *      ▲  ▲                                                             │
 *      │  └──────────── resume: resumeToken, lastSeq ◄──────────────────┘
 *      └─ resume-failed: a fresh join of the same room on the same socket
 *
 * A server that goes away may name another one (`moveTo`): that one is asked next, in the same way, and the former one when it refuses.
 *
 * The first join is tried once: its failure is the caller's to judge. After that the connection comes back by itself,
 * until it is closed, refused, replaced by another socket, or away for longer than ten minutes and nobody talks. A socket counts as lost
 * as well when a request meets nothing but silence.
 */

import type { ServerMessage } from "../signaling/protocol.ts";
import { Backoff } from "./backoff.ts";
import type { Environment, SocketLike, TimerId } from "./environment.ts";
import { describeCause, TurnpikeError } from "./errors.ts";
import { freshRequest, type JoinRequestOptions, type Resumption, resumeRequest } from "./join-request.ts";
import { KeptPlace } from "./kept-place.ts";
import { Outbound } from "./outbound.ts";
import type { Reply, Request } from "./requests.ts";
import { Route } from "./route.ts";
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
  /** Whether anything goes on that makes it worth looking for the server for longer. */
  isTalking(): boolean;
  /** It will not come back. Not called after `close`. */
  ended(reason: "replaced" | "unauthorized" | "connection-lost" | "refused", error: TurnpikeError): void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting" | "seated"; readonly socket: SocketLike }
  | { readonly kind: "waiting"; readonly timer: TimerId }
  | { readonly kind: "closed" };

type RequestKind = "resume" | "fresh" | "create";

const CLOSE_REPLACED = 4001;
const CLOSE_UNAUTHORIZED = 4003;

const ATTEMPT_TIMEOUT_MS = 10_000;
const GIVE_UP_MS = 600_000;
const BACKOFF = { firstMs: 500, maxMs: 15_000 };
/** A socket that was doubted is given so long; a request on any other may take longer. */
const PROBE_MS = 3000;
/** A try that is no older has not lost its packets to a network that was not there. */
const YOUNG_ATTEMPT_MS = 1000;
/** All clients of one server move within this time: not at once, and not so late that the members of a room miss each other. */
const MOVE_WITHIN_MS = 10_000;
/** Where only `create` makes rooms, whoever created this one is given so long to do it again. */
const RECREATE_MS = 30_000;

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
  readonly #route: Route;
  readonly #place: KeptPlace;
  /** The join that waits for its answer. */
  #join: { readonly ref: number; readonly kind: RequestKind } = { ref: 0, kind: "fresh" };
  #attemptSinceMs = 0;
  #isProbing = false;
  #moveTimer: TimerId | undefined;
  #droppedAtMs: number | undefined;
  #attemptTimer: TimerId | undefined;
  #first: { resolve(message: JoinedMessage): void; reject(error: TurnpikeError): void } | undefined;

  constructor(options: SignalingOptions, environment: Environment, observer: SignalingObserver) {
    this.#options = options;
    this.#environment = environment;
    this.#observer = observer;
    this.#backoff = new Backoff(BACKOFF, environment.random);
    this.#outbound = new Outbound(environment, () => this.#silent());
    this.#place = new KeptPlace(options.url, options.resume);
    this.#route = new Route(this.#place.url);
    this.#stopListening = environment.onWake(() => this.#wake());
  }

  get resumption(): Resumption | undefined {
    return this.#state.kind === "closed" ? undefined : this.#place.resumption;
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

  /** There is a reason to doubt the socket: what is asked already is to be answered soon. */
  doubt(): void {
    this.#outbound.doubt(PROBE_MS);
  }

  /** The server goes away in this time, and another one is at `url`. */
  moveTo(url: string, graceSeconds: number): void {
    this.#environment.clearTimeout(this.#moveTimer);
    const longestMs = Math.min(MOVE_WITHIN_MS, graceSeconds * 500);
    this.#moveTimer = this.#environment.setTimeout(
      () => this.#move(url),
      this.#environment.random() * longestMs,
    );
  }

  /** The server has ended the seat because it ends itself: this side joins again when it is back. */
  serverEnds(): void {
    this.#forgetSeat(new TurnpikeError("resume-failed", "the server has ended"));
    this.#giveUpSocket("the server has ended");
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
      socket = this.#environment.createSocket(this.#route.url);
    } catch (error) {
      this.#attemptFailed(new TurnpikeError("connection-failed", describeCause(error), error));
      return;
    }
    this.#state = { kind: "connecting", socket };
    this.#attemptSinceMs = this.#environment.now();
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
    this.#outbound.reject(this.#join.ref, error);
    this.#route.failed();
    if (this.#first !== undefined) return this.#end("refused", error);
    const nowMs = this.#environment.now();
    const isNew = this.#droppedAtMs === undefined;
    this.#droppedAtMs ??= nowMs;
    if (nowMs - this.#droppedAtMs > GIVE_UP_MS && !this.#observer.isTalking()) {
      return this.#end("connection-lost", new TurnpikeError("connection-lost", error.message));
    }
    const timer = this.#environment.setTimeout(() => this.#connect(), this.#backoff.next());
    this.#state = { kind: "waiting", timer };
    if (isNew) this.#observer.dropped();
  }

  /** The network is there again, or is another one, or all was asleep: comes back now, or tries the socket that may be dead. */
  #wake(): void {
    const state = this.#state;
    if (state.kind === "waiting") {
      this.#environment.clearTimeout(state.timer);
      this.#connect();
    } else if (state.kind === "connecting" && this.#first === undefined) {
      if (this.#environment.now() - this.#attemptSinceMs >= YOUNG_ATTEMPT_MS) this.#tryAnew(state.socket);
    } else this.#probe();
  }

  /** A live socket brings fresh iceServers. */
  #probe(): void {
    if (this.#state.kind !== "seated" || this.#isProbing) return;
    this.#isProbing = true;
    const tell = (reply: Reply) => this.#observer.message(reply);
    void this.request({ type: "ice" })
      .then(tell, () => undefined)
      .finally(() => {
        this.#isProbing = false;
      });
    this.doubt();
  }

  #silent(): void {
    this.#giveUpSocket("the server does not answer");
  }

  #move(url: string): void {
    if (!this.#route.mayTurnTo(url)) return;
    this.#giveUpSocket("the server goes away");
    this.#route.turnTo(url);
    if (this.#state.kind === "connecting") this.#tryAnew(this.#state.socket);
    else this.#wake();
  }

  /** In the place of a socket that has not joined. */
  #tryAnew(socket: SocketLike): void {
    this.#clearAttemptTimer();
    this.#outbound.reject(this.#join.ref, closedError());
    detach(socket);
    socket.close(1000);
    this.#connect();
  }

  /** The seat may wait, the socket is no use. */
  #giveUpSocket(why: string): void {
    if (this.#state.kind !== "seated") return;
    const { socket } = this.#state;
    detach(socket);
    socket.close();
    this.#backoff.reset();
    this.#attemptFailed(new TurnpikeError("connection-failed", why));
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
    this.#environment.clearTimeout(this.#moveTimer);
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

  #sendJoin(socket: SocketLike, kind: RequestKind = this.resumption ? "resume" : "fresh"): void {
    const { ref, reply } = this.#outbound.requestOn(socket, this.#joinRequest(kind));
    this.#join = { ref, kind };
    reply.then(
      () => undefined,
      (error: TurnpikeError) => this.#joinRefused(socket, kind, error),
    );
  }

  #joinRequest(kind: RequestKind): Request {
    const { resumption } = this;
    if (kind === "resume" && resumption !== undefined) return resumeRequest(resumption);
    const isFirst = this.#first !== undefined;
    return freshRequest(this.#options, kind === "create" || (isFirst && this.#options.create));
  }

  #joinRefused(socket: SocketLike, kind: RequestKind, error: TurnpikeError): void {
    if (this.#state.kind !== "connecting" || this.#state.socket !== socket) return;
    if (error.url !== undefined && this.#route.mayTurnTo(error.url)) {
      this.#route.turnTo(error.url);
      return this.#tryAnew(socket);
    }
    if (this.#first !== undefined) return this.#end("refused", error);
    if (kind === "resume" && error.code === "resume-failed") {
      if (this.#route.url === this.#place.url) this.#forgetSeat(error);
      return this.#sendJoin(socket, "fresh");
    }
    // The room went with the server, and whoever created it does so again.
    if (kind === "fresh" && error.code === "room-not-found" && this.#options.create)
      return this.#sendJoin(socket, "create");
    if (kind === "create" && error.code === "room-exists") return this.#sendJoin(socket, "fresh");
    if (!this.#mayPass(error)) return this.#end("refused", error);
    detach(socket);
    socket.close(1000);
    this.#attemptFailed(error);
  }

  #mayPass({ code }: TurnpikeError): boolean {
    const droppedForMs = this.#environment.now() - (this.#droppedAtMs ?? 0);
    if (code === "room-not-found" && droppedForMs < RECREATE_MS) return true;
    return this.#route.isOpen || PASSING_ERRORS.includes(code);
  }

  /** Nothing that was meant for the old seat has a meaning for the next one. */
  #forgetSeat(error: TurnpikeError): void {
    this.#place.forget();
    this.#outbound.rejectAll(error);
  }

  #seated(socket: SocketLike, message: JoinedMessage): void {
    const isResume = this.#join.kind === "resume";
    const first = this.#first;
    this.#state = { kind: "seated", socket };
    this.#clearAttemptTimer();
    this.#droppedAtMs = undefined;
    // The old seat, at another server, is left to itself.
    if (!isResume && this.resumption !== undefined)
      this.#forgetSeat(new TurnpikeError("resume-failed", "the seat is at another server now"));
    this.#route.arrived();
    this.#place.taken(this.#route.url, message.resumeToken);
    if (!isResume) this.#place.lastSeq = message.seq;
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
    const isJoined = message.type === "joined" && message.ref === this.#join.ref;
    const isNew = message.seq > this.#place.lastSeq;
    const isAnswer = this.#outbound.settle(message);
    if (isNew && !(message.type === "error" && this.#state.kind === "connecting"))
      this.#place.lastSeq = message.seq;
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
