/** FUZZ_SEED gives a run again, FUZZ_PACKETS makes it longer or shorter. */

import { randomInt } from "node:crypto";

/** Says which seed it is, so that a failure can be had again. */
export function fuzzSeed(): number {
  const seed = readNumber("FUZZ_SEED") ?? randomInt(2 ** 32);
  console.log(`FUZZ_SEED=${seed}`);
  return seed;
}

export function fuzzPackets(usually: number): number {
  return readNumber("FUZZ_PACKETS") ?? usually;
}

function readNumber(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a number, and is ${text}`);
  return Number(text);
}
