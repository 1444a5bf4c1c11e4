/** A server that is going away: what its members are told, and what is said to those who come now. */

import type { ClientConnection } from "./connection.ts";
import type { HubState } from "./hub-state.ts";
import type { ServerMessageBody } from "./protocol.ts";
import { sendToRoom } from "./rooms.ts";

/** From now on nobody new is let in. `url`: where to go instead, when it is known better than by the port. */
export function drain(state: HubState, graceSeconds: number, url: string | undefined): void {
  state.draining = true;
  state.elsewhere = url ?? state.elsewhere;
  const message: ServerMessageBody = { type: "go-away", graceSeconds, ...urlOfAnother(state) };
  const body = JSON.stringify(message);
  for (const room of state.rooms) sendToRoom(room, body);
  for (const connection of state.connections) connection.tellElsewhere(message);
}

/** The answer to `create` and `join`. */
export function refuseDraining(state: HubState, connection: ClientConnection, ref: number): void {
  const code = "draining";
  state.announce("requestFailed", code);
  const message = "this server is going away and takes no new calls";
  connection.send({ type: "error", ref, code, message, ...urlOfAnother(state) });
}

/** As it stands in a message. Asked each time: another server may come and go meanwhile. */
function urlOfAnother(state: HubState): { readonly url?: string } {
  const url = state.elsewhere ?? askPort(state);
  return url === undefined ? {} : { url };
}

function askPort(state: HubState): string | undefined {
  try {
    return state.ports.otherNodeUrl?.();
  } catch (error) {
    state.announce("failed", error);
    return undefined;
  }
}
