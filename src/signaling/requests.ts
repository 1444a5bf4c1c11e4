/** What each message of a client does. */

import type { ClientConnection } from "./connection.ts";
import { leave } from "./departures.ts";
import { type ForwardedMessage, forward } from "./forward.ts";
import type { HubState } from "./hub-state.ts";
import { issueIceServers } from "./ice-servers.ts";
import { handleJoin } from "./join.ts";
import type { ClientMessage } from "./protocol.ts";
import { handleResume } from "./resume.ts";
import type { Seat } from "./session.ts";

type EntryMessage = Extract<ClientMessage, { type: "create" | "join" }>;
type SeatedMessage = Exclude<ClientMessage, EntryMessage>;

/** Answers one request, exactly once; a `join` perhaps later. `text`: the frame that the message was read from. */
export function handleRequest(
  state: HubState,
  connection: ClientConnection,
  message: ClientMessage,
  text: string,
): void {
  if (isEntry(message)) return enter(state, connection, message);
  const { seat } = connection;
  if (seat === undefined)
    return connection.fail(message.ref, "not-joined", `${message.type}: join a room first`);
  if (isForwarded(message)) forwardAndAnswer(state, connection, seat, message, text);
  else handleSeated(state, connection, seat, message);
}

function isEntry(message: ClientMessage): message is EntryMessage {
  return message.type === "create" || message.type === "join";
}

function isForwarded(message: SeatedMessage): message is ForwardedMessage {
  const { type } = message;
  return type === "candidate" || type === "offer" || type === "answer" || type === "message";
}

function enter(state: HubState, connection: ClientConnection, message: EntryMessage): void {
  if (connection.seat !== undefined) {
    return connection.fail(message.ref, "already-joined", "this connection is in a room; leave first");
  }
  if ("resumeToken" in message) handleResume(state, connection, message);
  else handleJoin(state, connection, message);
}

function handleSeated(
  state: HubState,
  connection: ClientConnection,
  seat: Seat,
  message: Exclude<SeatedMessage, ForwardedMessage>,
): void {
  const { ref } = message;
  switch (message.type) {
    case "leave":
      leave(state, seat);
      return connection.send({ type: "ok", ref });
    case "ice": {
      const issued = issueIceServers(state, seat.member, seat.info);
      if (issued === undefined) return connection.fail(ref, "unavailable", "no iceServers can be had now");
      seat.iceServersDueAtMs = issued.dueAtMs;
      return connection.send({ type: "ice-servers", ref, ...issued.fields });
    }
    case "report":
      state.announce("callReported", seat.member, message.report);
      return connection.send({ type: "ok", ref });
  }
}

function forwardAndAnswer(
  state: HubState,
  connection: ClientConnection,
  seat: Seat,
  message: ForwardedMessage,
  text: string,
): void {
  const problem = forward(state, seat, message, text);
  if (problem !== undefined) return connection.fail(message.ref, problem.code, problem.message);
  seat.acknowledge(message.ref);
}
