/**
 * What the relay asks of the world. The relay's rules never open a socket and never ask the time: bytes and an
 * address come in, answers go to a `ClientLink` or a `RelaySocket`, and the clock is a function.
 */

import type { IpAddress, IpFamily, TransportAddress } from "../stun/address.ts";
import type { PasswordAlgorithm } from "../stun/password-algorithm.ts";
import type { Allocation } from "./allocation.ts";
import type { FlowCarrier } from "./flow-carrier.ts";
import type { PeerStream, StreamMeter } from "./tcp-ports.ts";

/** Milliseconds that only rise; the zero is anywhere. */
export type MonotonicClock = () => number;

export type ClientTransport = "udp" | "tcp" | "tls";

/** What an allocation relays: packets, or connections (RFC 6062). */
export type RelayProtocol = "udp" | "tcp";

/** An allocation, or the transaction of an Allocate whose relay socket is still being opened. */
export type LinkHolding =
  | Allocation
  | { readonly kind: "pending"; readonly username: string; readonly transactionId: Uint8Array };

/** What carries a client over TCP or TLS. */
export interface ClientConnection {
  /** Owned by the relay: unauthenticated answers since the last request that authenticated. A listener sets it to 0 once. */
  unauthenticatedAnswers: number;
  close(): void;
}

/** One client's 5-tuple: where it sends from, where it reached us, and the way back. */
export interface ClientLink {
  readonly transport: ClientTransport;
  readonly remote: TransportAddress;
  readonly local: TransportAddress;
  /** Where NAT behaviour discovery is on: which of its addresses the client has sent to. */
  readonly discovery?: DiscoveryCorner | undefined;
  /** Undefined over UDP. */
  readonly connection?: ClientConnection;
  /** Owned by the relay: what this 5-tuple holds. A listener sets it to undefined once and leaves it alone. */
  holding: LinkHolding | undefined;
  /** Sends one STUN message. The bytes are not kept or changed after the call. */
  send(message: Uint8Array): void;
  /** Sends buffer[start, end) as ChannelData, with the padding that the transport wants (RFC 8656 section 12.5). */
  sendChannelData(channelNumber: number, buffer: Uint8Array, start: number, end: number): void;
  /** The relay now holds state for this 5-tuple: the same link must be given for its next packets. */
  retain(): void;
  /** The relay holds nothing more for this 5-tuple. */
  release(): void;
  /** Over TCP and TLS: what comes and goes from here on is the stream's, and no STUN any more (RFC 6062 section 5.4). */
  carry?(stream: PeerStream, meter: StreamMeter): void;
}

/** One of the four addresses of NAT behaviour discovery (RFC 5780): two IP addresses with two ports each. */
export interface DiscoveryCorner {
  readonly address: TransportAddress;
  /** The one with the other IP address, the other port, or both; itself with neither. */
  neighbour(changeIp: boolean, changePort: boolean): DiscoveryCorner;
  /** Sends one STUN message from there. */
  send(message: Uint8Array, to: TransportAddress): void;
}

/** A destination that a relay socket has prepared for; opaque to the relay but for the address. */
export interface RelayDestination {
  readonly address: TransportAddress;
}

/** One relayed transport address. */
export interface RelaySocket {
  /** What the client is told and other members send to: XOR-RELAYED-ADDRESS. */
  readonly relayedAddress: TransportAddress;
  /** Prepares a destination once, so that sending to it costs no look-up. */
  destination(address: TransportAddress): RelayDestination;
  /**
   * Sends buffer[start, end) to the destination. The bytes are not kept after the call. `dontFragment`: on no part of its way may it be
   * cut in pieces; only where the allocator supports it.
   */
  send(
    destination: RelayDestination,
    buffer: Uint8Array,
    start: number,
    end: number,
    dontFragment?: boolean,
  ): void;
  /** Packets go to this receiver from now on. */
  onPacket(receiver: RelayPacketReceiver): void;
  /** ICMP errors about what it has sent go to this receiver from now on; not there where the system tells of none. */
  onIcmp?(receiver: IcmpReceiver): void;
  /** Idempotent. */
  close(): void;
}

/** Called for every packet that reaches a relay socket. `source` is only valid during the call. */
export type RelayPacketReceiver = (
  source: TransportAddress,
  buffer: Uint8Array,
  start: number,
  end: number,
) => void;

/** What became of a packet that was sent to `target`, as an ICMP message or this machine says. */
export interface IcmpError {
  readonly target: TransportAddress;
  /** Of ICMPv4 or ICMPv6, by the family of the target. */
  readonly type: number;
  readonly code: number;
  /** What the next link carries, where the packet was larger; else of no meaning. */
  readonly mtu: number;
}

export type IcmpReceiver = (error: IcmpError) => void;

/** Whether the client was told of an ICMP error, and if not, why. */
export type IcmpOutcome =
  | "told"
  /** No unreachable destination, no packet too big and no time exceeded. */
  | "other-type"
  | "no-permission"
  /** About an address that a member claims and that has not proved to be in the call. */
  | "unproven-target"
  | "rate-limited";

export type RelayPortParity = "any" | "even" | "even-with-next";

export interface RelaySocketRequest {
  readonly family: IpFamily;
  readonly parity: RelayPortParity;
}

/** `next` holds the odd port above an even one, when "even-with-next" was asked for. */
export type RelaySocketResult =
  | { readonly ok: true; readonly socket: RelaySocket; readonly next?: RelaySocket }
  | { readonly ok: false; readonly reason: "family-unsupported" | "no-port" };

export interface RelayAllocator {
  /** Whether relayed addresses of this family can be had at all. */
  supports(family: IpFamily): boolean;
  /** Whether its sockets can forbid that a packet is cut in pieces on its way (DONT-FRAGMENT). */
  readonly supportsDontFragment: boolean;
  /** Carries what passes between its sockets and clients over UDP; undefined: the relay does so itself, packet by packet. */
  readonly carrier?: FlowCarrier | undefined;
  /** Calls `done` exactly once, now or later. */
  open(request: RelaySocketRequest, done: (result: RelaySocketResult) => void): void;
}

/** Who is behind a TURN username. */
export interface TurnUser {
  /** The quota's unit: the user part of a REST username, or a static user's name. */
  readonly userId: string;
  /** Candidates for the long-term key (RFC 8489 section 9.2.2) by algorithm, newest secret first; never empty. */
  readonly keys: Readonly<Record<PasswordAlgorithm, readonly Uint8Array[]>>;
  /** Set for a room's credentials. */
  readonly room?: { readonly roomKey: string; readonly peer: string };
}

export interface CredentialVerifier {
  /** Undefined for an unknown user and for an expired username alike: the answer is the same 401. */
  findUser(username: string): TurnUser | undefined;
  /** Whose USERHASH this is (RFC 8489 section 14.4); undefined for one that is nobody's. */
  usernameOf(userhash: Uint8Array): string | undefined;
}

export type RelayTargetVerdict =
  /** Packets may go there through a relay socket. */
  | "allowed"
  /** One of our own relay addresses: only live relayed addresses there are reached, inside the process. */
  | "own"
  /** Our own, but open (loopback under --dev): live relayed addresses inside the process, all else by socket. */
  | "own-open"
  | "denied";

export interface RelayTargetPolicy {
  judge(target: IpAddress): RelayTargetVerdict;
}

/** Why a target was refused. */
export type RefusalReason =
  /** Its network is closed: private, loopback, ours, or closed by the operator. */
  | "denied-network"
  /** No other member of the room is there, as far as signaling and the relay have shown. */
  | "not-in-room";

/** Why an allocation ended. */
export type AllocationEnd =
  | "refresh-zero"
  | "expired"
  | "link-closed"
  | "replaced"
  | "room-left"
  | "user-removed"
  | "shutdown";

/** Why a packet went nowhere. */
export type DropReason =
  /** Not STUN, not ChannelData, or neither in a shape that can be answered. */
  | "malformed"
  /** The source asked for more unauthenticated answers than its bucket holds. */
  | "rate-limited"
  /** The unauthenticated answer would have been too large for the request. */
  | "amplification"
  | "no-allocation"
  | "no-permission"
  | "no-channel"
  /** From or to an address of our own that is no live relayed address. */
  | "own-address"
  /** Between two members of different rooms, or from a member to itself. */
  | "other-room"
  /** To or from an address that a member claims and that has not proved to be in the call: no STUN Binding, or too much of it. */
  | "unproven-target"
  /** A client over TCP or TLS does not read what is relayed to it. */
  | "slow-reader"
  /** A peer connected to a relayed address that has as many connections as it may. */
  | "connection-limit"
  /** It would not fit into one datagram, or into one message to the client. */
  | "too-large"
  /** The thread that reads sockets had more for the relay to judge than the relay could take. */
  | "overloaded"
  /** More than the limit: of one of the allocations that carry it, of their room, of the relay. */
  | "allocation-bandwidth"
  | "room-bandwidth"
  | "total-bandwidth";

export interface AllocationSummary {
  readonly userId: string;
  readonly roomKey?: string;
  readonly peer?: string;
  readonly client: TransportAddress;
  readonly transport: ClientTransport;
  readonly protocol: RelayProtocol;
  readonly relayedAddress: TransportAddress;
  /** The IPv6 one of two. */
  readonly additionalRelayedAddress?: TransportAddress;
}

/** What an allocation has carried: sent to relay targets, received from them. */
export interface RelayCounts {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  receivedBytes: number;
}

export interface AllocationCounts extends RelayCounts {
  /** Dropped, because they were more than a limit on bandwidth lets pass. */
  overLimitPackets: number;
}

/** Observers: they may fail, the relay does not. Packets are counted (`TurnServer.counters`), not announced. */
export interface TurnEvents {
  allocationCreated?(allocation: AllocationSummary): void;
  allocationClosed?(
    allocation: AllocationSummary,
    why: AllocationEnd,
    counts: Readonly<AllocationCounts>,
  ): void;
  /** Its client sends from another address now, or over another transport (RFC 8016). */
  allocationMoved?(allocation: AllocationSummary, from: TransportAddress): void;
  /** `errorCode` is undefined for a success. `count`: of so many requests; default one. */
  requestAnswered?(method: number, errorCode: number | undefined, count?: number): void;
  /** Policy refused a target. */
  targetRefused?(allocation: AllocationSummary, target: IpAddress, reason: RefusalReason): void;
  /** An observer threw, or the relay met a defect of its own while handling one packet. */
  failed?(error: unknown): void;
}
