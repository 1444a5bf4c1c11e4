/** Packets that the system did not take, by error. */

import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { EHOSTDOWN, ENONET } from "./layout.ts";

export const { EAGAIN, ECONNREFUSED, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS, EADDRINUSE } = constants.errno;

/** As which errors the system tells of an ICMP message. */
export const TOLD_OF_ANOTHER: ReadonlySet<number> = new Set([
  ECONNREFUSED,
  constants.errno.EACCES,
  constants.errno.EHOSTUNREACH,
  EMSGSIZE,
  constants.errno.ENETUNREACH,
  constants.errno.ENOPROTOOPT,
  constants.errno.EOPNOTSUPP,
  constants.errno.EPROTO,
  EHOSTDOWN,
  ENONET,
]);

/** Above every errno of Linux. */
export const MAX_ERRNO = 256;

export function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}

/** Counts by errno, in an array of MAX_ERRNO that the relay may read while a thread writes. */
export class SendErrors {
  readonly #counts: Float64Array;

  constructor(counts: Float64Array) {
    this.#counts = counts;
  }

  count(errno: number, packets: number): void {
    const index = errno < this.#counts.length ? errno : 0;
    this.#counts[index] = (this.#counts[index] as number) + packets;
  }
}

/** Packets by the error's name, `EAGAIN`, over several counts. */
export function sendErrorsByName(...counts: readonly Float64Array[]): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (let errno = 0; errno < MAX_ERRNO; errno++) {
    const packets = counts.reduce((sum, array) => sum + (array[errno] ?? 0), 0);
    if (packets > 0) byName.set(errno === 0 ? "UNKNOWN" : errorName(errno), packets);
  }
  return byName;
}
