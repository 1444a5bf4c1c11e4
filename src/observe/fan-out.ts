/** Several observers of the same events. */

/** Observers' methods, each of which may be left out. */
type Observer<Events> = { readonly [Name in keyof Events]: Events[Name] };
type AnyMethod = (...details: unknown[]) => void;

/**
 * One observer that tells all of them, in order. One that throws does not keep the event from the others; the emitter
 * gets the first error.
 */
export function fanOut<Events extends object>(observers: readonly Observer<Events>[]): Events {
  const names = new Set(observers.flatMap((observer) => Object.keys(observer) as (keyof Events)[]));
  const entries = [...names].map((name) => {
    const methods = observers.map((observer): unknown => observer[name]).filter(isMethod);
    const [only] = methods;
    if (only !== undefined && methods.length === 1) return [name, only] as const;
    return [name, (...details: unknown[]) => tellAll(methods, details)] as const;
  });
  return Object.fromEntries(entries) as Events;
}

function tellAll(methods: readonly AnyMethod[], details: readonly unknown[]): void {
  const errors: unknown[] = [];
  for (const method of methods) {
    try {
      method(...details);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function isMethod(value: unknown): value is AnyMethod {
  return typeof value === "function";
}
