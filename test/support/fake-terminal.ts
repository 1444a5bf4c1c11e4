/** A terminal that keeps what is printed. */

import type { Terminal } from "../../src/cli/terminal.ts";

export interface FakeTerminal extends Terminal {
  /** What was printed and complained of, line by line. */
  readonly printed: string[];
  readonly complaints: string[];
}

export function createFakeTerminal(environment: Record<string, string> = {}): FakeTerminal {
  const printed: string[] = [];
  const complaints: string[] = [];
  return {
    environment,
    printed,
    complaints,
    print: (text) => void printed.push(...text.split("\n")),
    complain: (text) => void complaints.push(...text.split("\n")),
  };
}
