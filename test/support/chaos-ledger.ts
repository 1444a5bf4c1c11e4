/** What members were told, by seat: what was acknowledged, what was heard, and what should not have been. */

export class Ledger {
  readonly violations: string[] = [];
  acknowledgedCount = 0;
  heardCount = 0;
  /** By who says to whom: the numbers. */
  readonly #acknowledged = new Map<string, number[]>();
  readonly #heard = new Map<string, number[]>();

  broken(what: string): void {
    this.violations.push(what);
  }

  acknowledged(from: string, to: string, n: number): void {
    this.acknowledgedCount++;
    listOf(this.#acknowledged, `${from} to ${to}`).push(n);
  }

  heard(from: string, to: string, n: number): void {
    this.heardCount++;
    const numbers = listOf(this.#heard, `${from} to ${to}`);
    const last = numbers.at(-1) ?? 0;
    if (n === last) this.broken(`${from} to ${to}: ${n} twice`);
    else if (n < last) this.broken(`${from} to ${to}: ${n} after ${last}`);
    numbers.push(n);
  }

  /** What was acknowledged for these seats and not heard there; a seat that is gone hears nothing more. */
  lost(seats: ReadonlySet<string>): string[] {
    return [...this.#acknowledged].flatMap(([way, numbers]) => {
      if (!seats.has(way.split(" to ")[1] ?? "")) return [];
      const heard = new Set(this.#heard.get(way));
      return numbers.filter((n) => !heard.has(n)).map((n) => `${way}: ${n}`);
    });
  }
}

function listOf(map: Map<string, number[]>, key: string): number[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
