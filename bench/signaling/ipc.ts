/** Questions from the bench to its children, over the channel of node:child_process. */

export interface Question<T> {
  readonly id: number;
  readonly ask: T;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** What a server's probe says. */
export interface Usage {
  /** All threads, since the start. */
  readonly cpuMicroseconds: number;
  /** Of JavaScript: heap and buffers. */
  readonly heldBytes: number;
  readonly rss: number;
}

/** What the load is asked for. */
export type LoadRequest =
  | { readonly kind: "join"; readonly rooms: number; readonly atOnce: number }
  | { readonly kind: "exchange"; readonly pace: Pace; readonly atOnce: number }
  | { readonly kind: "single-joins"; readonly count: number; readonly everyMs: number }
  | { readonly kind: "close" };

/** One by one: each member sends its next candidate when the last has arrived. Burst: all at once. */
export type Pace = "one by one" | "burst";

export interface LoadResult {
  /** Joins, or messages that arrived. */
  readonly count: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}
