/** Reads a page in Prometheus' text format. */

export class Metrics {
  readonly #samples = new Map<string, number>();

  /** `text`: lines like `turnpike_rooms 1` and `turnpike_drops_total{reason="a"} 2`. */
  constructor(text: string) {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const space = line.lastIndexOf(" ");
      this.#samples.set(line.slice(0, space), Number(line.slice(space + 1)));
    }
  }

  /** The sum over all labels of a metric. Throws when the page has no such metric. */
  total(name: string): number {
    const found = [...this.#samples].filter(([key]) => key === name || key.startsWith(`${name}{`));
    if (found.length === 0) throw new Error(`no metric ${name}; there are: ${this.#names()}`);
    return found.reduce((sum, [, value]) => sum + value, 0);
  }

  /** One counter with its labels, as it stands in the page; 0 when it is not there yet. */
  count(sample: string): number {
    return this.#samples.get(sample) ?? 0;
  }

  #names(): string {
    return [...new Set([...this.#samples.keys()].map((key) => key.replace(/\{.*/, "")))].join(" ");
  }
}
