/** What rules may do to a relay in this process. */

import type { TurnServer } from "../../src/turn/turn-server.ts";
import { memberOf, type TestCredentials } from "../support/test-credentials.ts";
import type { RoomControls, TargetControls } from "./target.ts";

/** `advance`: moves the server's clock. */
export function createControls(
  turn: TurnServer,
  credentials: TestCredentials,
  advance: TargetControls["advance"],
): TargetControls {
  return {
    ...createRoomControls(turn, credentials),
    advance,
    sweep: () => turn.sweep(),
    rotatePasswords: () => credentials.rotate(),
    expireCredentials: () => credentials.expire(),
    get allocationCount() {
      return turn.allocationCount;
    },
    get drops() {
      return turn.counters.drops;
    },
    get insidePackets() {
      return turn.counters.insidePackets;
    },
  };
}

/** Rooms without signaling: the test says what their members signal. */
function createRoomControls(turn: TurnServer, credentials: TestCredentials): RoomControls {
  return {
    member: memberOf,
    signal(roomKey, from, to, { addresses = [], icePasswords = [] }) {
      turn.iceSignalled({ roomKey, peer: from }, to, { addresses, icePasswords });
    },
    leave(room, peer) {
      credentials.leave(room, peer);
      turn.closeMember(room, peer);
    },
  };
}
