/** ConnectionBind (RFC 6062 section 5.4). The comments follow the section. */

import { readUint32 } from "../../stun/attributes.ts";
import { findAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import type { PeerConnection } from "../peer-connection.ts";
import type { TcpRelays } from "../tcp-relays.ts";

/** The connection that a ConnectionBind means, if it waits for one. */
export function connectionOf(tcp: TcpRelays, message: StunMessage): PeerConnection | undefined {
  const value = findAttribute(message, ATTRIBUTE.connectionId);
  const id = value && readUint32(value);
  return id === undefined ? undefined : tcp.pending(id);
}

/** The answer goes out before the connection carries anything. */
export function handleConnectionBind(
  tcp: TcpRelays,
  { link, message, username }: AuthenticatedRequest,
  answer: (answer: Answer) => void,
): void {
  // "If the client connection transport is not TCP or TLS": 400.
  if (link.carry === undefined) return answer(failure(400));

  // A connection that is an allocation's control connection stays one: 437, "a request was received that requires no allocation, but
  // an allocation exists" (RFC 8656 section 19).
  if (link.holding !== undefined) return answer(failure(437));

  // "If the request does not contain the CONNECTION-ID attribute, or if this attribute does not refer to an existing pending
  // connection": 400.
  const connection = connectionOf(tcp, message);
  if (connection?.state.name !== "pending") return answer(failure(400));

  // Somebody else's: 441 (RFC 8656 section 5), and it goes on waiting for its owner.
  if (connection.allocation.username !== username) return answer(failure(441));

  // "Otherwise, the client connection is now called a client data connection. Data received on it MUST be sent as-is to the
  // associated peer data connection", and the other way round, "data that was received […] before this ConnectionBind" included.
  const { stream } = connection.state;
  const meter = tcp.bind(connection, stream);
  answer(success());
  link.carry(stream, meter);
}
