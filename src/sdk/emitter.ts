/** A small typed emitter: one event map, listeners that may throw. */

export type Listener<Event> = (event: Event) => void;

/** Ends a subscription. Idempotent. */
export type Unsubscribe = () => void;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A listener of its own for every call, so that one function can be added twice and taken off once.
    const own: Listener<Events[Name]> = (event) => listener(event);
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  /** What a listener throws reaches `reportError` (the page's error event) and nobody else. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        (listener as Listener<Events[Name]>)(event);
      } catch (error) {
        reportListenerError(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

function reportListenerError(error: unknown): void {
  const report: unknown = Reflect.get(globalThis, "reportError");
  if (typeof report === "function") report.call(globalThis, error);
}
