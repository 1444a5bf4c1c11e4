/** Connect (RFC 6062 section 5.2). The comments follow the section. */

import { readXorAddress, uint32Attribute } from "../../stun/attributes.ts";
import { findAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import type { PeerConnection } from "../peer-connection.ts";
import type { RelayState } from "../relay-state.ts";
import { tcpSocketOf } from "../tcp-relay-socket.ts";
import type { TcpRelayOwner, TcpRelays } from "../tcp-relays.ts";
import { announceAttempt } from "./connection-attempt.ts";
import { judgeTarget } from "./create-permission.ts";

/** Calls `answer` once, now or when the peer has answered. That there is an allocation (437) is known. */
export function handleConnect(
  state: RelayState,
  tcp: TcpRelays,
  request: AuthenticatedRequest,
  allocation: Allocation,
  answer: (answer: Answer) => void,
): void {
  const { message, nowMs } = request;
  // An allocation of UDP has no connections; the RFC names no code, coturn has this one.
  if (allocation.protocol !== "tcp") return answer(failure(403));

  // "If the request does not contain an XOR-PEER-ADDRESS attribute, or if such attribute is invalid": 400.
  const value = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const peer = value && readXorAddress(value, message.transactionId);
  if (peer === undefined) return answer(failure(400));

  // "If the new connection is forbidden by local policy": 403; of a family that there is no relayed address of: 443. Judged anew
  // each time, whatever permissions there are: a Connect needs none and makes none.
  const judged = judgeTarget(state, allocation, peer);
  if (typeof judged === "number") return answer(failure(judged));
  const socket = tcpSocketOf(judged.relay);
  if (socket === undefined) return answer(failure(403));
  const own = { allocation, socket };

  // One to this peer that is "currently processing", pending or active: 446. So too one that came from there: TCP has no second.
  if (tcp.hasConnection(own, peer)) return answer(failure(446));

  // No room for one more: 508.
  if (!tcp.hasRoom(allocation)) return answer(failure(508));

  // Our own addresses are reached inside the process; where nobody listens there is no connection.
  if (judged.verdict !== "allowed") {
    const other = tcp.ownerOf(peer);
    if (other !== undefined) return connectInside(state, tcp, own, other, nowMs, answer);
    if (judged.verdict === "own") {
      state.counters.drops["own-address"]++;
      return answer(failure(447));
    }
  }

  // "the server MUST initiate an outgoing TCP connection. The local endpoint is the relayed transport address"; where that fails or
  // takes too long: 447.
  tcp.connect(own, peer, (connection) =>
    answer(connection === undefined ? failure(447) : connected(connection)),
  );
}

/** The peer is another client of this relay: its side of the connection is a ConnectionAttempt, for which it must have given permission. */
function connectInside(
  state: RelayState,
  tcp: TcpRelays,
  from: TcpRelayOwner,
  to: TcpRelayOwner,
  nowMs: number,
  answer: (answer: Answer) => void,
): void {
  const source = from.socket.relayedAddress;
  const isWelcome = to.allocation.permissionFor(source, nowMs) !== undefined;
  if (!isWelcome) state.counters.drops["no-permission"]++;
  const isPossible =
    to.socket !== from.socket && tcp.hasRoom(to.allocation) && !tcp.hasConnection(to, source);
  if (!isWelcome || !isPossible) return answer(failure(447));
  const [near, far] = tcp.connectInside(from, to);
  answer(connected(near));
  announceAttempt(far);
}

/** "The server MUST include the CONNECTION-ID attribute in the Connect success response." */
function connected({ id }: PeerConnection): Answer {
  return success(uint32Attribute(ATTRIBUTE.connectionId, id));
}
