/**
 * Members who come while others are missing that this side is still connected to, because the server was restarted: each may be one of
 * those under a new id. It is held back, with what it says, until it is known for one of them or for a stranger.
 */

import type { PeerInfo, ServerMessage } from "../signaling/protocol.ts";
import type { Environment, TimerId } from "./environment.ts";

/** Time for the introduction to come over the connection. */
const WAIT_MS = 2000;

interface Newcomer {
  readonly info: PeerInfo;
  readonly timer: TimerId;
  readonly said: ServerMessage[];
}

export interface Welcome {
  readonly info: PeerInfo;
  /** What it said meanwhile, or happened to it. */
  readonly said: readonly ServerMessage[];
}

export class Newcomers {
  readonly #environment: Environment;
  readonly #late: (id: string) => void;
  readonly #held = new Map<string, Newcomer>();

  /** `late`: nobody has introduced himself as this one in time. */
  constructor(environment: Environment, late: (id: string) => void) {
    this.#environment = environment;
    this.#late = late;
  }

  hold(info: PeerInfo): void {
    const timer = this.#environment.setTimeout(() => this.#late(info.peer), WAIT_MS);
    this.#held.set(info.peer, { info, timer, said: [] });
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  get ids(): string[] {
    return [...this.#held.keys()];
  }

  /** Keeps a message of a newcomer, or about it. False: it is of nobody who is held. */
  keep(id: string, message: ServerMessage): boolean {
    const newcomer = this.#held.get(id);
    newcomer?.said.push(message);
    return newcomer !== undefined;
  }

  /** It is known now, or gone. Undefined: nobody of this id is held. */
  release(id: string): Welcome | undefined {
    const newcomer = this.#held.get(id);
    if (newcomer === undefined) return undefined;
    this.#held.delete(id);
    this.#environment.clearTimeout(newcomer.timer);
    return newcomer;
  }

  clear(): void {
    for (const id of this.ids) this.release(id);
  }
}
