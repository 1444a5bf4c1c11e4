/** Rooms without signaling: the test says what their members signal. */

import type { TurnServer } from "../../src/turn/turn-server.ts";
import { memberOf, type TestCredentials } from "../support/test-credentials.ts";
import type { RoomControls } from "./target.ts";

export function createRoomControls(turn: TurnServer, credentials: TestCredentials): RoomControls {
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
