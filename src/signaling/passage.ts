/** A connection whose room lives at another node: from the hand-over to the end of its passage. */

import type { ClientConnection } from "./connection.ts";
import type { EntryMessage, HandedBack, PassageClient } from "./directory.ts";
import { type HubState, settle } from "./hub-state.ts";
import type { ServerMessageBody } from "./protocol.ts";

/** A room that moves under a join is followed, but not for ever. */
const MAX_HOPS = 3;

/** Gives a connection over that is joining; it goes on joining until the other node says more. */
export function handOver(
  state: HubState,
  connection: ClientConnection,
  node: string,
  message: EntryMessage,
  name: string | undefined,
): void {
  const { directory } = state.ports;
  const { info, lastSeq, hops } = connection;
  if (directory === undefined || hops >= MAX_HOPS) {
    if (!connection.endJoining()) return;
    connection.fail(message.ref, "unavailable", "the room is moving between servers; try again");
    connection.readWaiting();
    return;
  }
  const entry = { message: withoutToken(message), name, info, lastSeq, hops: hops + 1 };
  connection.passing(directory.handOver(node, entry, new ClientOfPassage(state, connection)));
}

/** What lets a client in was looked at here, and is nobody else's business. */
function withoutToken(message: EntryMessage): EntryMessage {
  if (!("token" in message)) return message;
  const { token: _, ...rest } = message;
  return rest;
}

/** What another node says does the connection's part, and is followed by what everything that sends is followed by. */
class ClientOfPassage implements PassageClient {
  readonly #state: HubState;
  readonly #connection: ClientConnection;

  constructor(state: HubState, connection: ClientConnection) {
    this.#state = state;
    this.#connection = connection;
  }

  entered(): void {
    this.#connection.goElsewhere();
    settle(this.#state);
  }

  refused(message: ServerMessageBody): void {
    if (!this.#connection.endJoining()) return;
    this.#connection.send(message);
    this.#connection.readWaiting();
    settle(this.#state);
  }

  frame(frame: string): void {
    this.#connection.sendFrame(frame);
    settle(this.#state);
  }

  handedBack(rest: HandedBack): void {
    this.#connection.comeBack(rest);
    settle(this.#state);
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
    settle(this.#state);
  }

  cut(): void {
    this.#connection.cut();
    settle(this.#state);
  }
}
