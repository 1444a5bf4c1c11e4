/** A connection to a relayed address (RFC 6062 section 5.3). The comments follow the section. */

import { randomBytes } from "node:crypto";
import type { TransportAddress } from "../../stun/address.ts";
import { uint32Attribute, xorAddressAttribute } from "../../stun/attributes.ts";
import { encodeMessage } from "../../stun/message.ts";
import { ATTRIBUTE, METHOD, TRANSACTION_ID_BYTES } from "../../stun/registry.ts";
import type { PeerConnection } from "../peer-connection.ts";
import type { DropReason } from "../ports.ts";
import type { RelayState } from "../relay-state.ts";
import type { PeerStream } from "../tcp-ports.ts";
import type { TcpRelayOwner, TcpRelays } from "../tcp-relays.ts";

/** The connection has been accepted: "The server MUST accept the connection." */
export function receiveConnection(
  state: RelayState,
  tcp: TcpRelays,
  owner: TcpRelayOwner,
  peer: TransportAddress,
  stream: PeerStream,
): void {
  const refusal = refusalOf(state, tcp, owner, peer);
  if (refusal !== undefined) {
    state.counters.drops[refusal]++;
    stream.close();
    return;
  }
  announceAttempt(tcp.hold(owner, peer, stream));
}

function refusalOf(
  state: RelayState,
  tcp: TcpRelays,
  { allocation }: TcpRelayOwner,
  peer: TransportAddress,
): DropReason | undefined {
  // "If no permission for this peer has been installed for this allocation, the server MUST close the connection with the peer
  // immediately after it has been accepted."
  const permission = allocation.permissionFor(peer, state.clock());
  if (permission === undefined) return "no-permission";
  // Our own clients are reached inside the process: whoever comes from our address by a socket is something else on this machine.
  if (permission.verdict === "own") return "own-address";
  return tcp.hasRoom(allocation) ? undefined : "connection-limit";
}

/**
 * "Otherwise, the server sends a ConnectionAttempt indication to the client over the control connection", with XOR-PEER-ADDRESS and
 * CONNECTION-ID.
 */
export function announceAttempt({ allocation, peer, id }: PeerConnection): void {
  const transactionId = randomBytes(TRANSACTION_ID_BYTES);
  const head = { method: METHOD.connectionAttempt, messageClass: "indication", transactionId } as const;
  allocation.link.send(
    encodeMessage(head, [
      xorAddressAttribute(ATTRIBUTE.xorPeerAddress, peer, transactionId),
      uint32Attribute(ATTRIBUTE.connectionId, id),
    ]),
  );
}
