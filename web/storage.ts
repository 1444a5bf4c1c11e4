/** Small things that the browser keeps for us, or not: with cookies blocked even looking at the storage throws. */

export type StorageKind = "localStorage" | "sessionStorage";

export function readStored(kind: StorageKind, key: string): string | undefined {
  try {
    return window[kind].getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** `undefined` takes the entry out. */
export function store(kind: StorageKind, key: string, value: string | undefined): void {
  try {
    if (value === undefined) window[kind].removeItem(key);
    else window[kind].setItem(key, value);
  } catch {
    // Then it is forgotten: a comfort less.
  }
}
