/** One member of a room, whatever server it talks to. */

import type { Signal } from "../messages.ts";

export interface Place {
  readonly url: string;
  readonly room: string;
  /** What the two know of each other beside the server. */
  readonly meeting: { readonly ids: string[] };
  /** 0: the first of its room. */
  readonly index: number;
  /** Where its connection comes from. */
  readonly localAddress: string;
}

export interface Member {
  /** Called for each message of the other member, with its type. */
  onSignal: (type: Signal["type"]) => void;
  /** Connects and joins. Rejects when the server says no. */
  join(): Promise<void>;
  send(signal: Signal): void;
  /** What was sent and the server has not answered yet; 0 where it answers nothing. */
  readonly unanswered: number;
  close(): Promise<void>;
}

export type Dialect = (place: Place) => Member;
