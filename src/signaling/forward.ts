/** Offers, answers, candidates and the application's own messages, from one member to the others. */

import { fieldText } from "./field-text.ts";
import type { HubState } from "./hub-state.ts";
import { readCandidate, readSdp, type SignalledIce } from "./ice-in-sdp.ts";
import type { ClientMessage, ErrorCode } from "./protocol.ts";
import type { Seat } from "./session.ts";

export type ForwardedMessage = Extract<ClientMessage, { type: "offer" | "answer" | "candidate" | "message" }>;

export interface ForwardProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

const PAYLOAD_FIELDS = {
  offer: "description",
  answer: "description",
  candidate: "candidate",
  message: "data",
} as const satisfies Record<ForwardedMessage["type"], string>;

const NO_SUCH_MEMBER: ForwardProblem = {
  code: "peer-not-found",
  message: "to: no such other member in this room",
};
const NOBODY_ELSE: ForwardProblem = { code: "peer-not-found", message: "nobody else is in this room" };
const TO_IS_NEEDED: ForwardProblem = {
  code: "bad-message",
  message: "to: needed in a room for more than two",
};
const NESTED_TOO_DEEPLY: ForwardProblem = { code: "bad-message", message: "data: nested too deeply" };

/**
 * Sends the message on, to a member who is away as well: its seat keeps it. Undefined when all is well. `text`: the frame that the
 * message was read from.
 */
export function forward(
  state: HubState,
  from: Seat,
  message: ForwardedMessage,
  text: string,
): ForwardProblem | undefined {
  const recipients = findRecipients(state, from, message);
  if (!Array.isArray(recipients)) return recipients;
  const payload = payloadText(message, text);
  if (payload === undefined) return NESTED_TOO_DEEPLY;
  const body = `{"type":"${message.type}","from":"${from.peer}","${PAYLOAD_FIELDS[message.type]}":${payload}`;
  // First the relay, then the other member: a check that the candidate starts finds its target known.
  tellIce(state, from, recipients, message);
  for (const seat of recipients) seat.sendUnclosed(body);
  state.announce("messageForwarded", message.type, Buffer.byteLength(text));
  return undefined;
}

function findRecipients(
  state: HubState,
  from: Seat,
  { type, to }: ForwardedMessage,
): Seat[] | ForwardProblem {
  const { seats } = from.room;
  if (to !== undefined) {
    const seat = seats.get(to);
    return seat === undefined || seat === from ? NO_SUCH_MEMBER : [seat];
  }
  const others: Seat[] = [];
  for (const seat of seats.values()) if (seat !== from) others.push(seat);
  if (type === "message") return others;
  if (state.options.roomSize > 2) return TO_IS_NEEDED;
  return others.length > 0 ? others : NOBODY_ELSE;
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

/** As it came where that can be; undefined where it cannot be written at all: JSON.parse reads deeper nesting than JSON.stringify writes. */
function payloadText(message: ForwardedMessage, text: string): string | undefined {
  const members = message.to === undefined ? 3 : 4;
  const payload = payloadOf(message);
  const found = fieldText(text, PAYLOAD_FIELDS[message.type], members, countMembers(payload));
  if (found !== undefined) return found;
  try {
    return JSON.stringify(payload);
  } catch {
    return undefined;
  }
}

function payloadOf(message: ForwardedMessage): unknown {
  switch (message.type) {
    case "offer":
    case "answer":
      return message.description;
    case "candidate":
      return message.candidate;
    case "message":
      return message.data;
  }
}

function countMembers(value: unknown): number {
  if (typeof value !== "object" || Array.isArray(value)) return 0;
  let count = 0;
  for (const _key in value) count++;
  return count;
}
