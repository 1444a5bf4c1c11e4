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

export function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}

export class SendErrors {
  readonly #counts = new Map<string, number>();

  count(errno: number, packets: number): void {
    const name = errorName(errno);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + packets);
  }

  /** By the error's name: `EAGAIN`. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}
