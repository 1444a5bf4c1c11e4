/** What goes to the server: in the order of its `ref`, no faster than the server takes it, again after a lost socket. */

import type { Limits, ServerMessage } from "../signaling/protocol.ts";
import { AnswerWatch } from "./answer-watch.ts";
import type { Environment, SocketLike, TimerId } from "./environment.ts";
import type { TurnpikeError } from "./errors.ts";
import { Pacer } from "./pacer.ts";
import { type Added, type Reply, type Request, Requests } from "./requests.ts";

const MAX_WAITING_REQUESTS = 1024;
/** Until the server has said its own. */
const FIRST_MESSAGES_PER_SECOND = 20;

export class Outbound {
  readonly #environment: Environment;
  readonly #requests = new Requests(MAX_WAITING_REQUESTS);
  readonly #pacer: Pacer;
  readonly #answerWatch: AnswerWatch;
  #socket: SocketLike | undefined;
  #timer: TimerId | undefined;

  /** `silent`: the socket is open, and nothing comes back. */
  constructor(environment: Environment, silent: () => void) {
    this.#environment = environment;
    this.#answerWatch = new AnswerWatch(environment, silent);
    this.#pacer = new Pacer(FIRST_MESSAGES_PER_SECOND, environment.now());
  }

  /** Sends now or, without a socket, later. */
  request(request: Request): Promise<Reply> {
    const reply = this.#requests.add(request);
    this.#pump();
    return reply;
  }

  /** The socket may be dead: where an answer is owed, it may be silent for so long only. */
  doubt(withinMs: number): void {
    if (this.#socket !== undefined && this.#requests.hasSent) this.#answerWatch.expect(withinMs);
  }

  /** Sends past the queue, on a socket that has not joined yet. Such a request is never sent again. */
  requestOn(socket: SocketLike, request: Request): Added {
    const added = this.#requests.addSent(request);
    socket.send(added.text);
    return added;
  }

  /** The socket has joined: what was not answered goes out, oldest first. */
  start(socket: SocketLike, limits: Limits): void {
    this.#socket = socket;
    this.#pacer.setRate(limits.messagesPerSecond);
    this.#requests.maxMessageBytes = limits.maxMessageBytes;
    this.#pump();
  }

  /** The socket is gone. */
  stop(): void {
    this.#socket = undefined;
    this.#environment.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#answerWatch.stop();
    this.#requests.markAllUnsent();
  }

  /** Takes every message of the server, and gives an answer to its request. False: the message answers none. */
  settle(message: ServerMessage): boolean {
    const isAnswer = this.#requests.settle(message);
    this.#answerWatch.heard(this.#requests.hasSent);
    return isAnswer;
  }

  reject(ref: number, error: TurnpikeError): void {
    this.#requests.reject(ref, error);
  }

  rejectAll(error: TurnpikeError): void {
    this.#requests.rejectAll(error);
  }

  #pump(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#timer !== undefined) return;
    while (this.#requests.hasUnsent) {
      const waitMs = this.#pacer.take(this.#environment.now());
      if (waitMs > 0) {
        this.#timer = this.#environment.setTimeout(() => this.#pumpAgain(), waitMs);
        return;
      }
      const text = this.#requests.takeUnsent();
      if (text === undefined) return;
      socket.send(text);
      this.#answerWatch.expect();
    }
  }

  #pumpAgain(): void {
    this.#timer = undefined;
    this.#pump();
  }
}
