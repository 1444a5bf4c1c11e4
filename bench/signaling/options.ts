/** The command line of `npm run bench:signaling`. */

import { parseArgs } from "node:util";
import { CONTENDERS, type Contender } from "./contenders.ts";

export const USAGE = `Usage: npm run bench:signaling -- [options]

Rooms of two on this server's signaling, on a bare \`ws\` relay, on PeerJS's server and on a socket.io relay, round by round, each in a
process of its own and under the same load: every member joins, then each room says an offer, an answer and 20 candidates. Prints
medians: the server's CPU per join and per message, its memory per connection, and each as a ratio to the bare relay's.

  --runs N         rounds (5)
  --rooms N        of each run (2000)
  --at-once N      rooms that join, or talk, at the same time (200)
  --server NAME    one of the servers; may be repeated: ${CONTENDERS.map(({ name }) => name).join(" ")}
  --node-flag F    for the servers, as --cpu-prof; may be repeated
  --quick          a smoke run of some seconds: its figures mean nothing
  --json           every single run, as JSON lines`;

export interface SignalingBenchOptions {
  readonly runs: number;
  readonly rooms: number;
  readonly atOnce: number;
  readonly warmUp: number;
  readonly servers: readonly Contender[];
  readonly nodeFlags: readonly string[];
  readonly isQuick: boolean;
  readonly isJson: boolean;
}

/** Undefined: the usage is wanted. Throws an Error that names what is wrong. */
export function parseOptions(args: readonly string[]): SignalingBenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string" },
      rooms: { type: "string" },
      "at-once": { type: "string" },
      server: { type: "string", multiple: true, default: [] },
      "node-flag": { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const isQuick = values.quick;
  return {
    runs: whole("runs", values.runs ?? (isQuick ? "1" : "5"), 100),
    rooms: whole("rooms", values.rooms ?? (isQuick ? "20" : "2000"), 9900),
    atOnce: whole("at-once", values["at-once"] ?? (isQuick ? "10" : "200"), 1000),
    warmUp: isQuick ? 2 : 400,
    servers: pick(values.server),
    nodeFlags: values["node-flag"],
    isQuick,
    isJson: values.json,
  };
}

function pick(names: readonly string[]): readonly Contender[] {
  const unknown = names.filter((wanted) => !CONTENDERS.some(({ name }) => name === wanted));
  if (unknown.length > 0)
    throw new Error(
      `--server: ${unknown.join(", ")} is none of ${CONTENDERS.map(({ name }) => name).join(", ")}`,
    );
  return names.length === 0 ? CONTENDERS : CONTENDERS.filter(({ name }) => names.includes(name));
}

/** Throws an Error that names the flag. */
export function whole(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new Error(`--${flag}: a whole number from 1 to ${max}, not "${text}"`);
}
