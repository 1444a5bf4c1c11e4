/** Two members, and what they have to say to each other. */

import type { Pace } from "../ipc.ts";
import { ANSWER, CANDIDATE_LIST, MESSAGES_PER_ROOM, OFFER, type Signal } from "../messages.ts";
import type { Member } from "./member.ts";

export type Told = (latencyMs: number) => void;

const PATIENCE_MS = 30_000;

export class Room {
  readonly #caller: Member;
  readonly #callee: Member;

  constructor(caller: Member, callee: Member) {
    this.#caller = caller;
    this.#callee = callee;
  }

  /** The time that each join took, the connection with it. */
  async join(told: Told): Promise<void> {
    for (const member of [this.#caller, this.#callee]) {
      const start = performance.now();
      await member.join();
      told(performance.now() - start);
    }
  }

  /**
   * Offer, answer, candidates, and the server's answers to them; `told` hears of every message that arrived. Rejects when one is
   * missing, or comes out of its order.
   */
  async exchange(pace: Pace, told: Told): Promise<void> {
    const talk = new Talk(this.#caller, this.#callee, pace, told);
    await talk.run();
  }

  async close(): Promise<void> {
    await Promise.all([this.#caller.close(), this.#callee.close()]);
  }
}

class Talk {
  readonly #sides: readonly [Side, Side];
  readonly #told: Told;
  readonly #pace: Pace;
  #arrived = 0;

  constructor(caller: Member, callee: Member, pace: Pace, told: Told) {
    this.#sides = [
      new Side(caller, [OFFER, ...CANDIDATE_LIST]),
      new Side(callee, [ANSWER, ...CANDIDATE_LIST]),
    ];
    this.#pace = pace;
    this.#told = told;
  }

  run(): Promise<void> {
    const [caller, callee] = this.#sides;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new Error(`${this.#arrived} of ${MESSAGES_PER_ROOM} messages arrived in ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      );
      const check = () => {
        const unanswered = caller.member.unanswered + callee.member.unanswered;
        if (this.#arrived < MESSAGES_PER_ROOM) return;
        clearTimeout(timer);
        if (unanswered === 0) resolve();
        // An answer makes no noise: it is looked for.
        else setTimeout(check, 1);
      };
      const hear = (from: Side, to: Side) => (type: Signal["type"]) => {
        if (type !== from.expected) return reject(new Error(`${type} came in the place of ${from.expected}`));
        this.#told(from.arrive());
        this.#arrived++;
        if (type === "offer") to.say();
        else if (type === "answer") for (const side of this.#sides) this.#begin(side);
        else if (this.#pace === "one by one") from.say();
        check();
      };
      callee.member.onSignal = hear(caller, callee);
      caller.member.onSignal = hear(callee, caller);
      caller.say();
    });
  }

  #begin(side: Side): void {
    if (this.#pace === "one by one") side.say();
    else side.sayAll();
  }
}

class Side {
  readonly member: Member;
  readonly #words: readonly Signal[];
  readonly #saidAtMs: number[] = [];
  #heard = 0;

  constructor(member: Member, words: readonly Signal[]) {
    this.member = member;
    this.#words = words;
  }

  /** Of the message that must arrive next. */
  get expected(): Signal["type"] | undefined {
    return this.#words[this.#heard]?.type;
  }

  say(): void {
    const signal = this.#words[this.#saidAtMs.length];
    if (signal === undefined) return;
    this.#saidAtMs.push(performance.now());
    this.member.send(signal);
  }

  sayAll(): void {
    while (this.#saidAtMs.length < this.#words.length) this.say();
  }

  /** How long it took. */
  arrive(): number {
    const saidAtMs = this.#saidAtMs[this.#heard++] ?? Number.NaN;
    return performance.now() - saidAtMs;
  }
}
