/** What one node asks another about a room that lives there. */

import type { RoomQuestion } from "../signaling/room-control.ts";
import type { NodeChannel, Operation } from "./node-channel.ts";

const TIMEOUT_MS = 2000;

interface Asked {
  readonly untilMs: number;
  readonly resolve: (answer: unknown) => void;
}

export class Questions {
  readonly #channel: NodeChannel;
  readonly #now: () => number;
  readonly #answer: (question: RoomQuestion) => unknown;
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;

  constructor(channel: NodeChannel, now: () => number, answer: (question: RoomQuestion) => unknown) {
    this.#channel = channel;
    this.#now = now;
    this.#answer = answer;
  }

  /** Undefined: no answer came. */
  ask(question: RoomQuestion): Promise<unknown> {
    const id = ++this.#lastId;
    this.#channel.send(["ask", id, question]);
    return new Promise((resolve) => {
      this.#asked.set(id, { untilMs: this.#now() + TIMEOUT_MS, resolve });
    });
  }

  /** False: it is neither a question nor an answer. */
  receive([kind, id, value]: Operation): boolean {
    if (kind === "ask") this.#channel.send(["answer", id, this.#answer(value as RoomQuestion)]);
    else if (kind === "answer") this.#settle(id, value);
    else return false;
    return true;
  }

  tick(): void {
    for (const [id, { untilMs }] of this.#asked) if (this.#now() >= untilMs) this.#settle(id, undefined);
  }

  endAll(): void {
    for (const id of [...this.#asked.keys()]) this.#settle(id, undefined);
  }

  #settle(id: number, answer: unknown): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    asked?.resolve(answer);
  }
}
