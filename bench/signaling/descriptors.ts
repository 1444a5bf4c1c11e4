/** Each socket takes a descriptor, in the server and in the load. */

import { readFileSync } from "node:fs";

/** Libraries, ports, epoll and pipes, and rooms that come and go. */
const BESIDE_SOCKETS = 100;

/** What to do where this process may not open so many files; undefined: it may, or nobody knows. */
export function descriptorAdvice(rooms: number): string | undefined {
  const limit = readLimit();
  const needed = 2 * rooms + BESIDE_SOCKETS;
  if (limit === undefined || limit >= needed) return undefined;
  return `${rooms} rooms need ${needed} open files, and this shell allows ${limit}: ulimit -n ${needed}, or --rooms ${Math.max(1, Math.floor((limit - BESIDE_SOCKETS) / 2))}`;
}

/** The soft limit, which Node raises to the hard one for itself and its children. */
function readLimit(): number | undefined {
  try {
    const hard = readFileSync("/proc/self/limits", "utf8").match(/^Max open files +\S+ +(\S+)/m)?.[1];
    return hard === undefined || hard === "unlimited" ? undefined : Number(hard);
  } catch {
    return undefined;
  }
}
