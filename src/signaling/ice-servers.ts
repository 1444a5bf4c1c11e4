/** iceServers for a seat: on every join, when asked, and afresh before the old ones end. */

import type { HubState } from "./hub-state.ts";
import type { ConnectionInfo, IssuedIceServers, MemberId } from "./ports.ts";
import type { Seat } from "./session.ts";

/** Fresh ones come after this part of the lifetime. */
const REFRESH_AFTER = 0.8;

export interface Issued {
  /** As they stand in a message. */
  readonly fields: IssuedIceServers;
  /** When to push the next. */
  readonly dueAtMs: number;
}

/** Undefined when the port throws. */
export function issueIceServers(state: HubState, member: MemberId, info: ConnectionInfo): Issued | undefined {
  try {
    const { iceServers, expiresAt } = state.ports.issueIceServers(member, info);
    return { fields: { iceServers, expiresAt }, dueAtMs: nextDueAtMs(state) };
  } catch (error) {
    state.announce("failed", error);
    return undefined;
  }
}

/** Pushes fresh ones when it is time. A member who is away gets them when it is back. */
export function sweepIceServers(state: HubState, seat: Seat, nowMs: number): void {
  if (seat.presence.kind !== "here" || nowMs < seat.iceServersDueAtMs) return;
  const issued = issueIceServers(state, seat.member, seat.info);
  // One that failed is tried again with the next sweep.
  if (issued === undefined) return;
  seat.iceServersDueAtMs = issued.dueAtMs;
  seat.send({ type: "ice-servers", ...issued.fields });
}

function nextDueAtMs(state: HubState): number {
  return state.ports.now() + state.options.ttlSeconds * 1000 * REFRESH_AFTER;
}
