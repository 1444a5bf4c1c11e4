/** How a running server ends: at once, or when the calls that run are over. */

import type { Assembly } from "./assembly.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { closeListeners, type Listener } from "./net/listen.ts";
import type { Sweeper } from "./net/sweeper.ts";
import type { UdpEngine } from "./net/udp-engine.ts";
import { waitUntil } from "./net/wait.ts";

export interface Endable {
  readonly assembly: Assembly;
  readonly listeners: readonly Listener[];
  readonly udpEngine: UdpEngine;
  readonly sweeper: Sweeper;
  readonly detach: () => void;
  /** Undefined: this is the only node. */
  readonly cluster: Cluster | undefined;
}

/** Of the shutdown's time, what is kept for closing WebSockets in order; at most half of it. */
const CLOSE_HANDSHAKE_MS = 1000;
const DRAIN_POLL_MS = 250;

/** Nobody new is let in: members and newcomers hear of it, and TURN clients outside of rooms get no allocation any more. */
export function beginDrain({ assembly, cluster }: Endable, seconds: number, url?: string): void {
  const { hub, turn } = assembly;
  cluster?.leaving();
  hub.goAway(seconds, url);
  turn.drain();
}

/**
 * Resolves when no call is left, at the bound, or when `isGivenUp`. A member who waits alone in a room is no call: nobody can
 * join it there any more.
 */
export async function callsEnd(
  { assembly: { hub, turn } }: Endable,
  boundMs: number,
  isGivenUp: () => boolean,
): Promise<void> {
  const isOver = () => isGivenUp() || (hub.callCount === 0 && turn.allocationCount === 0);
  // Not before the next look: whoever asked for the drain gets its answer first.
  let looks = 0;
  await waitUntil(() => looks++ > 0 && isOver(), boundMs, DRAIN_POLL_MS);
}

/** Members hear of it first and have time to go; what is left at the bound is cut. */
export async function shutDown(running: Endable, boundMs: number): Promise<void> {
  const { hub, endpoint, turn } = running.assembly;
  const handshakeMs = Math.min(CLOSE_HANDSHAKE_MS, boundMs / 2);
  const graceMs = boundMs - handshakeMs;
  beginDrain(running, Math.floor(graceMs / 1000));
  // A seat whose member is away waits for a socket that would not find us any more.
  const nobodyHears = () => endpoint.size === 0 && hub.guestCount === 0;
  await waitUntil(() => hub.stats.members === 0 || nobodyHears(), graceMs);
  hub.closeAllRooms("shutdown");
  hub.closeGuests(1001, "server is shutting down");
  endpoint.closeAll(1001, "server is shutting down");
  await waitUntil(() => endpoint.size === 0, handshakeMs);
  endpoint.terminateAll();
  running.detach();
  running.sweeper.close();
  turn.close();
  await running.cluster?.close();
  await closeListeners(running.listeners);
  await running.udpEngine.close();
}
