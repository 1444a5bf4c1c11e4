/** Two nodes over a bus that loses, repeats and delays: what one says the other hears once and in order, or both know that it ended. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { CHANNEL_LIMITS, type Frame, NodeChannel, type Sender } from "../../src/cluster/node-channel.ts";

const RUNS = 1500;
const LIMITS = { ...CHANNEL_LIMITS, windowBytes: 60, batchBytes: 30, maxWaitingBytes: 400 };
/** Rounds of half a second in which everything arrives. */
const ROUNDS_TO_HEAL = 60;

type Step =
  | { readonly kind: "say"; readonly side: 0 | 1; readonly count: number }
  | { readonly kind: "flush" | "deliver" | "lose" | "repeat" | "tick" | "outage" }
  | { readonly kind: "forget"; readonly side: 0 | 1 };

const side = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("say" as const), side, count: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("lose" as const, "repeat" as const, "tick" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("outage" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), side }) },
);

class End {
  readonly sender: Sender = { waitingBytes: 0 };
  channel: NodeChannel;
  /** In this life of the channel. */
  said: number[] = [];
  heard: number[] = [];
  #next = 0;
  readonly #makeChannel: () => NodeChannel;

  constructor(now: () => number, publish: (frame: string) => void) {
    this.#makeChannel = () =>
      new NodeChannel(
        {
          now,
          publish,
          wake: () => undefined,
          received: ([, id]) => this.heard.push(id),
          ended: () => this.#forgetAll(),
        },
        LIMITS,
      );
    this.channel = this.#makeChannel();
  }

  say(): void {
    const id = this.#next++;
    this.said.push(id);
    this.channel.send(["said", id], this.sender);
  }

  /** This node has taken the other for dead: it knows nothing of the channel any more. */
  forget(): void {
    this.channel = this.#makeChannel();
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.said = [];
    this.heard = [];
    this.sender.waitingBytes = 0;
  }
}

class TwoNodes {
  nowMs = 0;
  readonly bus: { to: 0 | 1; text: string }[] = [];
  readonly ends: readonly [End, End];

  constructor() {
    const end = (to: 0 | 1) =>
      new End(
        () => this.nowMs,
        (text) => this.bus.push({ to, text }),
      );
    this.ends = [end(1), end(0)];
  }

  do(step: Step): void {
    if (step.kind === "say") for (let i = 0; i < step.count; i++) this.ends[step.side].say();
    else if (step.kind === "forget") this.ends[step.side].forget();
    else if (step.kind === "flush") for (const { channel } of this.ends) channel.flush();
    else if (step.kind === "deliver") this.deliver();
    else if (step.kind === "lose") this.bus.shift();
    else if (step.kind === "outage") this.bus.splice(0);
    else if (step.kind === "repeat") this.bus.push(...this.bus.slice(0, 1));
    else this.tick();
    for (const { said, heard } of this.ends)
      for (const list of [said, heard]) expect(isRising(list)).toBe(true);
  }

  deliver(): void {
    const message = this.bus.shift();
    if (message === undefined) return;
    const { to, text } = message;
    const frame = JSON.parse(text) as Frame;
    if (!this.ends[to].channel.receive(frame)) this.ends[to === 0 ? 1 : 0].channel.reset(frame[0]);
  }

  tick(): void {
    this.nowMs += 500;
    for (const { channel } of this.ends) channel.tick();
  }

  heal(): void {
    for (let round = 0; round < ROUNDS_TO_HEAL; round++) {
      for (const { channel } of this.ends) channel.flush();
      while (this.bus.length > 0) this.deliver();
      this.tick();
    }
  }
}

function isRising(list: readonly number[]): boolean {
  return list.every((one, index) => index === 0 || one === (list[index - 1] as number) + 1);
}

test("everything arrives once and in order, or the channel ends for both", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const nodes = new TwoNodes();
      for (const one of steps) nodes.do(one);
      nodes.heal();
      const [a, b] = nodes.ends;
      expect(b.heard).toEqual(a.said);
      expect(a.heard).toEqual(b.said);
      expect(a.channel.isIdle && b.channel.isIdle).toBe(true);
      expect([a.sender.waitingBytes, b.sender.waitingBytes]).toEqual([0, 0]);
      // And one more: the channel works.
      a.say();
      nodes.heal();
      expect(b.heard.at(-1)).toBe(a.said.at(-1));
    }),
    { numRuns: RUNS },
  );
});
