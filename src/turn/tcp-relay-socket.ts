/** A relayed address over TCP as the rest of the relay sees it: it has an address and an end, and carries no packets. */

import type { TransportAddress } from "../stun/address.ts";
import type { AllocationRelay } from "./allocation.ts";
import type { PeerConnection } from "./peer-connection.ts";
import type { RelayDestination, RelaySocket } from "./ports.ts";
import type { TcpRelay } from "./tcp-ports.ts";

export class TcpRelaySocket implements RelaySocket {
  readonly relay: TcpRelay;
  /** Few: their number is bounded per allocation. */
  readonly connections = new Set<PeerConnection>();
  readonly #onClose: () => void;

  /** `onClose` ends its connections. */
  constructor(relay: TcpRelay, onClose: (socket: TcpRelaySocket) => void) {
    this.relay = relay;
    this.#onClose = () => onClose(this);
  }

  get relayedAddress(): TransportAddress {
    return this.relay.relayedAddress;
  }

  destination(address: TransportAddress): RelayDestination {
    return { address };
  }

  /** A TCP allocation has no channel, and its Send indications are dropped: nothing comes here. */
  send(): void {}

  onPacket(): void {}

  close(): void {
    this.relay.close();
    this.#onClose();
  }
}

/** Undefined for a relayed address over UDP. */
export function tcpSocketOf(relay: AllocationRelay): TcpRelaySocket | undefined {
  return relay.socket instanceof TcpRelaySocket ? relay.socket : undefined;
}
