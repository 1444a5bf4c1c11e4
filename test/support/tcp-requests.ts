/** What a client asks of a TCP allocation (RFC 6062). */

import type { TransportAddress } from "../../src/stun/address.ts";
import {
  readUint32,
  readXorAddress,
  requestedTransportAttribute,
  uint32Attribute,
} from "../../src/stun/attributes.ts";
import { decodeMessage, findAttribute, type StunAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_TCP } from "../../src/stun/registry.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import { peerAttribute, type TurnClient } from "./turn-client.ts";
import { newTransactionId } from "./turn-request.ts";

export function allocateTcp(
  client: TurnClient,
  attributes: readonly StunAttribute[] = [],
): Promise<TurnAnswer> {
  return client.request(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_TCP), ...attributes]);
}

export function connectTo(client: TurnClient, peer: TransportAddress): Promise<TurnAnswer> {
  const transactionId = newTransactionId();
  return client.request(METHOD.connect, [peerAttribute(peer, transactionId)], {}, { transactionId });
}

export function bindConnection(client: TurnClient, id: number | undefined): Promise<TurnAnswer> {
  return client.request(METHOD.connectionBind, id === undefined ? [] : [connectionId(id)]);
}

export function connectionId(id: number): StunAttribute {
  return uint32Attribute(ATTRIBUTE.connectionId, id);
}

export function connectionIdOf({ message }: Pick<TurnAnswer, "message">): number | undefined {
  const value = findAttribute(message, ATTRIBUTE.connectionId);
  return value && readUint32(value);
}

export interface ConnectionAttempt {
  readonly id: number | undefined;
  readonly peer: TransportAddress | undefined;
}

/** Of a ConnectionAttempt indication; undefined for anything else. */
export function readConnectionAttempt(bytes: Uint8Array): ConnectionAttempt | undefined {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return undefined;
  const { message } = decoded;
  if (message.method !== METHOD.connectionAttempt || message.messageClass !== "indication") return undefined;
  const peer = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  return { id: connectionIdOf({ message }), peer: peer && readXorAddress(peer, message.transactionId) };
}
