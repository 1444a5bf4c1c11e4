/** The TCP allocations of one relay (RFC 6062) and their connections with peers: who has which, how many, and until when. */

import { randomBytes } from "node:crypto";
import {
  formatTransportAddress,
  type IpFamily,
  sameTransportAddress,
  type TransportAddress,
} from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";
import { takeStreamBandwidth } from "./bandwidth.ts";
import type { PeerConnection, PeerConnectionState } from "./peer-connection.ts";
import type { RelayAllocator, RelaySocketRequest, RelaySocketResult } from "./ports.ts";
import type { RelayState } from "./relay-state.ts";
import type { PeerStream, StreamMeter, TcpRelayAllocator } from "./tcp-ports.ts";
import { TcpRelaySocket, tcpSocketOf } from "./tcp-relay-socket.ts";

/**
 * RFC 6062 section 5.2: the timeout of a connection attempt "MUST be at least 30 seconds", and a connection that nobody has bound
 * "after 30 seconds […] MUST be closed".
 */
const UNBOUND_LIFETIME_MS = 30_000;

/** A relayed address that is in use. */
export interface TcpRelayOwner {
  readonly allocation: Allocation;
  readonly socket: TcpRelaySocket;
}

export class TcpRelays implements RelayAllocator {
  /** A connection carries no packets. */
  readonly supportsDontFragment = false;
  readonly #allocator: TcpRelayAllocator;
  readonly #state: Pick<RelayState, "clock" | "limits" | "counters" | "announce">;
  readonly #connections = new Map<number, PeerConnection>();
  readonly #owners = new Map<string, TcpRelayOwner>();

  constructor(
    allocator: TcpRelayAllocator,
    state: Pick<RelayState, "clock" | "limits" | "counters" | "announce">,
  ) {
    this.#allocator = allocator;
    this.#state = state;
  }

  /** Of every state. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  // ---- relayed addresses

  supports(family: IpFamily): boolean {
    return this.#allocator.supports(family);
  }

  open({ family }: RelaySocketRequest, done: (result: RelaySocketResult) => void): void {
    this.#allocator.open(family, (relay) => {
      if (relay === undefined) return done({ ok: false, reason: "no-port" });
      done({ ok: true, socket: new TcpRelaySocket(relay, (socket) => this.#forget(socket)) });
    });
  }

  /** Connections to the relayed addresses of this allocation go to the receiver from now on. */
  install(
    allocation: Allocation,
    accept: (owner: TcpRelayOwner, peer: TransportAddress, stream: PeerStream) => void,
  ) {
    for (const relay of allocation.relays) {
      const socket = tcpSocketOf(relay);
      if (socket === undefined) continue;
      const owner = { allocation, socket };
      this.#owners.set(formatTransportAddress(socket.relayedAddress), owner);
      socket.relay.onConnection((peer, stream) => this.#guard(() => accept(owner, peer, stream)));
    }
  }

  /** Whose relayed address this is. */
  ownerOf(relayed: TransportAddress): TcpRelayOwner | undefined {
    return this.#owners.get(formatTransportAddress(relayed));
  }

  #forget(socket: TcpRelaySocket): void {
    this.#owners.delete(formatTransportAddress(socket.relayedAddress));
    for (const connection of socket.connections) this.close(connection);
  }

  // ---- connections

  /** Whether one more may be there, of this allocation and in all. */
  hasRoom({ relays }: Allocation): boolean {
    const { maxRelayedConnections, maxRelayedConnectionsPerAllocation } = this.#state.limits;
    const count = relays.reduce((sum, relay) => sum + (tcpSocketOf(relay)?.connections.size ?? 0), 0);
    return count < maxRelayedConnectionsPerAllocation && this.#connections.size < maxRelayedConnections;
  }

  hasConnection({ socket }: TcpRelayOwner, peer: TransportAddress): boolean {
    return [...socket.connections].some((connection) => sameTransportAddress(connection.peer, peer));
  }

  /** Connects to a peer by the relayed address's socket. Calls `done` once, later; without a connection where there is none. */
  connect(
    owner: TcpRelayOwner,
    peer: TransportAddress,
    done: (connection: PeerConnection | undefined) => void,
  ): void {
    const giveUp = owner.socket.relay.connect(peer, (stream) =>
      this.#guard(() => {
        if (stream === undefined) return this.close(connection);
        this.#becomePending(connection, stream);
        done(connection);
      }),
    );
    const failed = () => done(undefined);
    const connection = this.#add(owner, peer, { name: "connecting", giveUp, failed });
  }

  /** Both ends of a connection inside the process, as if each had met the other's relayed address. */
  connectInside(from: TcpRelayOwner, to: TcpRelayOwner): readonly [PeerConnection, PeerConnection] {
    const [near, far] = this.#allocator.pair();
    return [
      this.hold(from, to.socket.relayedAddress, near, true),
      this.hold(to, from.socket.relayedAddress, far, true),
    ];
  }

  /** A connection that is there and waits for its ConnectionBind. */
  hold(owner: TcpRelayOwner, peer: TransportAddress, stream: PeerStream, isInside = false): PeerConnection {
    const connection = this.#add(owner, peer, { name: "pending", stream }, isInside);
    this.#becomePending(connection, stream);
    return connection;
  }

  /** What waits under this CONNECTION-ID. */
  pending(id: number): PeerConnection | undefined {
    const connection = this.#connections.get(id);
    return connection?.state.name === "pending" ? connection : undefined;
  }

  /** From here on a client's connection carries it; what it carries is told to the meter. */
  bind(connection: PeerConnection, stream: PeerStream): StreamMeter {
    connection.state = { name: "bound", stream };
    connection.sinceMs = this.#state.clock();
    const { allocation } = connection;
    const { counters } = this.#state;
    const take = (bytes: number, isCountedElsewhere: boolean) => {
      connection.sinceMs = this.#state.clock();
      allocation.lastRelayedAtMs = connection.sinceMs;
      return takeStreamBandwidth(allocation.buckets, bytes, connection.sinceMs, isCountedElsewhere);
    };
    return {
      sent(bytes) {
        allocation.sentBytes += bytes;
        counters.sentBytes += bytes;
        return take(bytes, false);
      },
      received(bytes) {
        allocation.receivedBytes += bytes;
        counters.receivedBytes += bytes;
        // Inside the process it was sent by the other client first.
        return take(bytes, connection.isInside);
      },
    };
  }

  /** Idempotent. */
  close(connection: PeerConnection): void {
    const { state } = connection;
    if (state.name === "closed") return;
    connection.state = { name: "closed" };
    this.#connections.delete(connection.id);
    connection.socket.connections.delete(connection);
    if (state.name !== "connecting") return state.stream.close();
    state.giveUp();
    state.failed();
  }

  /** Ends what was not connected or bound in time, and what has carried nothing for too long. */
  sweep(nowMs: number): void {
    const idleMs = this.#state.limits.relayedConnectionIdleSeconds * 1000;
    for (const connection of this.#connections.values()) {
      const lifetimeMs = connection.state.name === "bound" ? idleMs : UNBOUND_LIFETIME_MS;
      if (connection.sinceMs + lifetimeMs <= nowMs) this.close(connection);
    }
  }

  #add(
    { allocation, socket }: TcpRelayOwner,
    peer: TransportAddress,
    state: PeerConnectionState,
    isInside = false,
  ): PeerConnection {
    const sinceMs = this.#state.clock();
    const connection = { id: this.#newId(), allocation, socket, peer, isInside, state, sinceMs };
    this.#connections.set(connection.id, connection);
    socket.connections.add(connection);
    return connection;
  }

  #becomePending(connection: PeerConnection, stream: PeerStream): void {
    connection.state = { name: "pending", stream };
    connection.sinceMs = this.#state.clock();
    stream.onClose(() => this.#guard(() => this.close(connection)));
  }

  /** At random, so that it cannot be guessed. */
  #newId(): number {
    for (;;) {
      const id = randomBytes(4).readUInt32BE(0);
      if (!this.#connections.has(id)) return id;
    }
  }

  /** Called from outside of `receive`: a defect here must end nothing else. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#state.announce("failed", error);
    }
  }
}
