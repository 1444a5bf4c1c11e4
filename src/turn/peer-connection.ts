/**
 * One connection of a TCP allocation with a peer (RFC 6062).
 *
 *   Connect ──► connecting ──► pending ── ConnectionBind ──► bound ──► closed
 *                   │             ▲ │                                    ▲
 *                   │    accepted ┘ └── nobody bound it in time ─────────┤
 *                   └── failed, or not in time ──────────────────────────┘
 */

import type { TransportAddress } from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";
import type { PeerStream } from "./tcp-ports.ts";
import type { TcpRelaySocket } from "./tcp-relay-socket.ts";

export type PeerConnectionState =
  /** `failed` answers the Connect that waits. */
  | { readonly name: "connecting"; readonly giveUp: () => void; readonly failed: () => void }
  | { readonly name: "pending"; readonly stream: PeerStream }
  | { readonly name: "bound"; readonly stream: PeerStream }
  | { readonly name: "closed" };

export interface PeerConnection {
  /** CONNECTION-ID. */
  readonly id: number;
  readonly allocation: Allocation;
  /** The relayed address that it is of. */
  readonly socket: TcpRelaySocket;
  readonly peer: TransportAddress;
  /** The peer is another client of this relay. */
  readonly isInside: boolean;
  state: PeerConnectionState;
  /** When the state began; of a bound one, when it last carried a byte. */
  sinceMs: number;
}
