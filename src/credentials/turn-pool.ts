/**
 * TURN servers of somebody else (a coturn with our secret) instead of our own relay. A room has one of them, so that its relayed calls
 * stay inside one process; the next in the list comes second, for the day on which the first is gone.
 */

import { createHash } from "node:crypto";
import type { IceServer } from "./ice-servers.ts";
import type { Credential } from "./turn-credentials.ts";

const SERVERS_PER_ROOM = 2;

/** `urls`: at least one, as `RTCIceServer.urls` takes them; those with the same host are one server. */
export function poolIceServers(
  urls: readonly string[],
  roomKey: string,
  { username, credential }: Credential,
): IceServer[] {
  const hosts = [...new Set(urls.map(hostOf))];
  const first = createHash("sha256").update(roomKey).digest().readUInt32BE(0) % hosts.length;
  const chosen = [...hosts.slice(first), ...hosts.slice(0, first)].slice(0, SERVERS_PER_ROOM);
  return chosen.flatMap((host) => {
    const own = urls.filter((url) => hostOf(url) === host);
    const stun = own.filter(isStun);
    const turn = own.filter((url) => !isStun(url));
    return [
      ...(stun.length > 0 ? [{ urls: stun }] : []),
      ...(turn.length > 0 ? [{ urls: turn, username, credential }] : []),
    ];
  });
}

function isStun(url: string): boolean {
  return url.startsWith("stun");
}

/** "turn:[2001:db8::1]:3478?transport=udp" has the host "[2001:db8::1]". */
function hostOf(url: string): string {
  return /^[a-z]+:(\[[^\]]*\]|[^:?]*)/.exec(url)?.[1]?.toLowerCase() ?? url;
}
