/** The command line of `npm run bench:rooms`. */

import { parseArgs } from "node:util";
import { whole } from "./options.ts";

export const ROOMS_USAGE = `Usage: npm run bench:rooms -- [options]

This server alone with very many rooms of two in one process: all join, each says an offer, an answer and 20 candidates, then they are
silent while the server's heartbeats go on, and at last single rooms come and go beside them.

  --rooms N           (9900: two sockets each, of the 20,000 connections that the server takes by default)
  --idle-seconds S    of silence (60: two heartbeats of each connection and more)
  --late-joins N      rooms that come and go (200)
  --node-flag F       for the server, as --cpu-prof; may be repeated`;

export interface RoomsOptions {
  readonly rooms: number;
  readonly idleSeconds: number;
  readonly lateJoins: number;
  readonly nodeFlags: readonly string[];
}

/** Undefined: the usage is wanted. Throws an Error that names what is wrong. */
export function parseRoomsOptions(args: readonly string[]): RoomsOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rooms: { type: "string", default: "9900" },
      "idle-seconds": { type: "string", default: "60" },
      "late-joins": { type: "string", default: "200" },
      "node-flag": { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    rooms: whole("rooms", values.rooms, 9900),
    idleSeconds: whole("idle-seconds", values["idle-seconds"], 3600),
    lateJoins: whole("late-joins", values["late-joins"], 10_000),
    nodeFlags: values["node-flag"],
  };
}
