/** Offers, answers, candidates and the application's own messages, from one member to the others. */

import type { HubState } from "./hub-state.ts";
import { readCandidate, readSdp, type SignalledIce } from "./ice-in-sdp.ts";
import type { ClientMessage, ErrorCode, ServerMessageBody } from "./protocol.ts";
import type { Seat } from "./session.ts";

export type ForwardedMessage = Extract<ClientMessage, { type: "offer" | "answer" | "candidate" | "message" }>;

export interface ForwardProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

type Recipients =
  | { readonly ok: true; readonly seats: readonly Seat[] }
  | ({ readonly ok: false } & ForwardProblem);

/** Sends the message on, to a member who is away as well: its seat keeps it. Undefined when all is well. */
export function forward(state: HubState, from: Seat, message: ForwardedMessage): ForwardProblem | undefined {
  const recipients = findRecipients(state, from, message);
  if (!recipients.ok) return recipients;
  const body = stringify(outgoing(from, message));
  if (body === undefined) return { code: "bad-message", message: "data: nested too deeply" };
  // First the relay, then the other member: a check that the candidate starts finds its target known.
  tellIce(state, from, recipients.seats, message);
  for (const seat of recipients.seats) seat.sendText(body);
  state.announce("messageForwarded", message.type, Buffer.byteLength(body));
  return undefined;
}

function findRecipients(state: HubState, from: Seat, { type, to }: ForwardedMessage): Recipients {
  const { seats } = from.room;
  if (to !== undefined) {
    const seat = seats.get(to);
    if (seat !== undefined && seat !== from) return { ok: true, seats: [seat] };
    return { ok: false, code: "peer-not-found", message: "to: no such other member in this room" };
  }
  const others = [...seats.values()].filter((seat) => seat !== from);
  if (type === "message") return { ok: true, seats: others };
  if (state.options.roomSize > 2) {
    return { ok: false, code: "bad-message", message: "to: needed in a room for more than two" };
  }
  if (others.length > 0) return { ok: true, seats: others };
  return { ok: false, code: "peer-not-found", message: "nobody else is in this room" };
}

function tellIce(state: HubState, from: Seat, to: readonly Seat[], message: ForwardedMessage): void {
  const ice = iceOf(message);
  if (ice === undefined || ice.addresses.length + ice.icePasswords.length === 0) return;
  for (const { peer } of to) {
    try {
      state.ports.iceSignalled?.(from.member, peer, ice);
    } catch (error) {
      state.announce("failed", error);
    }
  }
}

/** The application's own messages are its own: they are not read. */
function iceOf(message: ForwardedMessage): SignalledIce | undefined {
  switch (message.type) {
    case "offer":
    case "answer":
      return readSdp(message.description.sdp ?? "");
    case "candidate":
      return readCandidate(message.candidate?.candidate ?? "");
    case "message":
      return undefined;
  }
}

function outgoing(from: Seat, message: ForwardedMessage): ServerMessageBody {
  switch (message.type) {
    case "offer":
    case "answer":
      return { type: message.type, from: from.peer, description: message.description };
    case "candidate":
      return { type: "candidate", from: from.peer, candidate: message.candidate };
    case "message":
      return { type: "message", from: from.peer, data: message.data };
  }
}

/** JSON.parse reads deeper nesting than JSON.stringify writes: undefined then. */
function stringify(message: ServerMessageBody): string | undefined {
  try {
    return JSON.stringify(message);
  } catch {
    return undefined;
  }
}
