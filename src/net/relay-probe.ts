/** Whether this user may bind the relay's ports: told at the start, because an Allocate could only answer 508. */

import { bindDgramSocket, closeSocket } from "./dgram-socket.ts";
import { type ListenFailure, toFailure } from "./listen.ts";
import type { RelayAddress } from "./relay-addresses.ts";
import type { PortRange } from "./relay-ports.ts";

/** Below it systems ask for a right. */
const FIRST_FREE_PORT = 1024;

/** A failure for each address whose lowest relay port needs a right that is not there. Leaves nothing open. */
export async function probeRelayPorts(
  addresses: readonly RelayAddress[],
  { min }: PortRange,
  bind: typeof bindDgramSocket = bindDgramSocket,
): Promise<ListenFailure[]> {
  if (min >= FIRST_FREE_PORT) return [];
  const failures: ListenFailure[] = [];
  for (const { bindIp } of addresses) {
    try {
      await closeSocket(await bind(bindIp, min));
    } catch (error) {
      const failure = toFailure("relay", bindIp, min, error);
      // A port in use is passed over by the relay; an address that is not ours is told of where we listen.
      if (failure.code === "EACCES") failures.push(failure);
    }
  }
  return failures;
}
