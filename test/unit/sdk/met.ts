/** Two members who are connected as they should be. */

import { expect } from "vitest";
import type { Member } from "./bench.ts";

/** The newest connections are each other's, and they are the only ones. */
export function expectMet(a: Member, b: Member): void {
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const) {
    expect(here.connection.signalingState).toBe("stable");
    expect(here.connection.remoteDescription?.sdp).toBe(there.connection.localDescription?.sdp);
    const open = here.connections.filter(({ connectionState }) => connectionState !== "closed");
    expect(open).toEqual([here.connection]);
    expect(here.told("error")).toEqual([]);
  }
}
