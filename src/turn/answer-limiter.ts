/**
 * Which unauthenticated answers are sent.
 *
 * Over UDP the source may be forged, and must gain nothing: small answers, and few of them per source. Who has a connection is who
 * it says, but may be one of an office: each connection has the few answers that a client needs before it authenticates, whatever
 * its neighbours do. More of them are taken from the source's bucket, and when that is empty the connection is closed: a flood costs
 * as long as it is read.
 */

import type { IpAddress } from "../stun/address.ts";
import { isWithinAmplification } from "./amplification.ts";
import type { ClientLink, DropReason, MonotonicClock } from "./ports.ts";
import { SourceLimiter, type SourceLimits } from "./source-limiter.ts";

/** Of a connection, before it authenticates: Binding requests, a challenge, a stale nonce. */
export const FREE_ANSWERS = 8;

export class AnswerLimiter {
  readonly #isExempt: (client: IpAddress) => boolean;
  readonly #datagrams: SourceLimiter;
  /** Of its own: forged sources of datagrams must not empty the bucket of somebody who has a connection. */
  readonly #connections: SourceLimiter;

  /** `datagramTable`: of `createSourceTable`, where other threads answer datagrams too. */
  constructor(
    limits: SourceLimits,
    isExempt: (client: IpAddress) => boolean,
    clock: MonotonicClock,
    datagramTable?: SharedArrayBuffer,
  ) {
    this.#isExempt = isExempt;
    this.#datagrams = new SourceLimiter(limits, clock, datagramTable);
    this.#connections = new SourceLimiter(limits, clock);
  }

  /** Counts one answer; undefined: it may be sent. A connection above its bounds is closed. */
  refuse(link: ClientLink, requestBytes: number, answerBytes: number): DropReason | undefined {
    const { connection, remote, transport } = link;
    if (this.#isExempt(remote)) return undefined;
    if (transport === "udp") {
      if (!isWithinAmplification(requestBytes, answerBytes, remote.family)) return "amplification";
      return this.#datagrams.take(remote) ? undefined : "rate-limited";
    }
    if (connection === undefined || ++connection.unauthenticatedAnswers <= FREE_ANSWERS) return undefined;
    if (this.#connections.take(remote)) return undefined;
    connection.close();
    return "rate-limited";
  }
}
