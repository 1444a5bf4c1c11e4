/** `npm run bench:rooms`. */

import { cpus, release, type } from "node:os";
import { descriptorAdvice } from "./descriptors.ts";
import { measureRooms, type RoomsResult } from "./rooms.ts";
import { parseRoomsOptions, ROOMS_USAGE, type RoomsOptions } from "./rooms-options.ts";

const EXIT_USAGE = 64;

/** The exit code: 0 when all of it was done. */
export async function main(args: readonly string[]): Promise<number> {
  let options: RoomsOptions | undefined;
  try {
    options = parseRoomsOptions(args);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n\n${ROOMS_USAGE}\n`);
    return EXIT_USAGE;
  }
  if (options === undefined) {
    process.stdout.write(`${ROOMS_USAGE}\n`);
    return 0;
  }
  const advice = descriptorAdvice(options.rooms);
  if (advice !== undefined) {
    process.stderr.write(`${advice}\n`);
    return 1;
  }
  try {
    process.stdout.write(report(await measureRooms(options), options));
    return 0;
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    return 1;
  }
}

function report(result: RoomsResult, { rooms, idleSeconds }: RoomsOptions): string {
  const { joins, messages, lateJoins, megabytes } = result;
  const { empty, joined, exchanged, idle } = megabytes;
  const memory = (name: string, { resident, held }: typeof empty) =>
    `| memory, ${name} | ${resident.toFixed(0)} MB resident, ${held.toFixed(0)} MB of them JavaScript's |`;
  const perConnection = ((joined.resident - empty.resident) * 1024) / (2 * rooms);
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim()}, ${type()} ${release()}, loopback, Node ${process.versions.node}`,
    "",
    `| ${rooms} rooms, ${2 * rooms} WebSockets | one process |`,
    "|---|---|",
    `| joins | ${(joins.count / joins.seconds).toFixed(0)}/s, ${result.microsecondsPerJoin.toFixed(0)} µs of CPU each, p99 ${joins.p99Ms.toFixed(0)} ms |`,
    `| messages | ${(messages.count / messages.seconds).toFixed(0)}/s, ${result.microsecondsPerMessage.toFixed(1)} µs of CPU each, p99 ${messages.p99Ms.toFixed(0)} ms |`,
    memory("empty", empty),
    memory(`joined (${perConnection.toFixed(1)} KB per connection)`, joined),
    memory("all has been said", exchanged),
    memory(`after ${idleSeconds} s of silence`, idle),
    `| CPU in that silence, heartbeats and all | ${result.idlePercent.toFixed(1)} % of one processor |`,
    `| a join beside them, one at a time | p50 ${lateJoins.p50Ms.toFixed(1)} ms, p99 ${lateJoins.p99Ms.toFixed(1)} ms, longest ${lateJoins.maxMs.toFixed(1)} ms |`,
    "",
  ].join("\n");
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
