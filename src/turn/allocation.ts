/** One allocation (RFC 8656 section 6): a client's 5-tuple, its relayed addresses, their permissions and channels. */

import {
  type IpAddress,
  type IpFamily,
  sameIp,
  sameTransportAddress,
  type TransportAddress,
} from "../stun/address.ts";
import type { PasswordAlgorithm } from "../stun/password-algorithm.ts";
import type { Buckets } from "./bandwidth.ts";
import type { Flow } from "./flows.ts";
import type { TicketHolder } from "./mobility-tickets.ts";
import type {
  AllocationCounts,
  AllocationSummary,
  ClientLink,
  RelayDestination,
  RelayProtocol,
  RelaySocket,
  RelayTargetVerdict,
  TurnUser,
} from "./ports.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** RFC 8656 section 9: the permission lifetime is 300 seconds. */
export const PERMISSION_LIFETIME_MS = 300_000;
/** RFC 8656 section 12: a channel binding lasts 10 minutes unless it is refreshed. */
export const CHANNEL_LIFETIME_MS = 600_000;

/** What few allocations have is no object of its own in the others. */
const NO_FLOWS: readonly Flow[] = [];

/** One of an allocation's relayed addresses: at most one of each family, each with a lifetime of its own. */
export interface AllocationRelay {
  readonly family: IpFamily;
  readonly socket: RelaySocket;
  expiresAtMs: number;
}

/** Why one of two relayed addresses was not had: ADDRESS-ERROR-CODE. */
export interface AddressError {
  readonly family: IpFamily;
  readonly code: 440 | 508;
}

/** A port from which a member of the room has proved to be there. */
export interface ProvenPort {
  readonly port: number;
  readonly peer: string;
}

/** Lets packets pass to and from every port of one IP address; STUN Binding alone where it is neither open nor proven. */
export interface Permission {
  readonly ip: IpAddress;
  /** The relayed address that it belongs to: nothing passes when that one is over. */
  readonly relay: AllocationRelay;
  /** Fixed when it was installed: never "denied". */
  readonly verdict: Exclude<RelayTargetVerdict, "denied">;
  /** Everything passes, to and from every port. */
  isOpen: boolean;
  /** Everything passes to and from these ports. As long as the permission lives, and no longer. */
  provenPorts: ProvenPort[];
  /** When a packet from there last passed; long ago, where none has. */
  lastHeardAtMs: number;
  expiresAtMs: number;
}

/** A target that may be relayed to, and the relayed address that does. */
export interface PermittedTarget {
  readonly address: IpAddress;
  readonly relay: AllocationRelay;
  readonly verdict: Permission["verdict"];
  readonly isOpen: boolean;
}

export interface ChannelBinding {
  readonly number: number;
  readonly destination: RelayDestination;
  /** A binding without a live permission carries nothing. */
  permission: Permission;
  expiresAtMs: number;
}

export interface AllocationInit {
  readonly link: ClientLink;
  readonly protocol: RelayProtocol;
  /** One or two, of different families. */
  readonly sockets: readonly RelaySocket[];
  readonly user: TurnUser;
  readonly username: string;
  readonly key: Uint8Array;
  /** What the key was made with. */
  readonly algorithm: PasswordAlgorithm;
  /** Of the Allocate that made it: a retransmission gets the same answer again. */
  readonly transactionId: Uint8Array;
  readonly expiresAtMs: number;
  readonly nowMs: number;
  /** The RESERVATION-TOKEN that came with it. */
  readonly reservationToken?: Uint8Array | undefined;
  readonly addressErrors: readonly AddressError[];
  readonly buckets: Buckets;
}

export class Allocation implements AllocationCounts {
  readonly kind = "allocation";
  /** Where what comes for the client goes. */
  link: ClientLink;
  /** Where the client has moved to, until it sends data from there (client-move.ts). */
  nextLink: ClientLink | undefined;
  /** Undefined: it stays where it is. */
  mobility: TicketHolder | undefined;
  readonly protocol: RelayProtocol;
  /** Never empty: with the last one the allocation ends. */
  readonly relays: AllocationRelay[];
  readonly user: TurnUser;
  readonly username: string;
  /** Kept for life, so that a rotated secret does not break a Refresh. */
  readonly key: Uint8Array;
  readonly algorithm: PasswordAlgorithm;
  readonly transactionId: Uint8Array;
  readonly reservationToken: Uint8Array | undefined;
  readonly addressErrors: readonly AddressError[];
  /** What its packets are taken from. */
  buckets: Buckets;
  /** When it last carried a packet; at first, when it was made. */
  lastRelayedAtMs: number;
  /** Of messages that may prove something; made when there is the first one. */
  proofTries: TokenBucket | undefined;
  /** Of ICMP errors that it may be told of; made when there is the first one. */
  icmpTold: TokenBucket | undefined;
  sentPackets = 0;
  sentBytes = 0;
  receivedPackets = 0;
  receivedBytes = 0;
  overLimitPackets = 0;
  /** A few each: a short list is faster than a Map, and smaller. */
  readonly permissions: Permission[] = [];
  readonly channels: ChannelBinding[] = [];
  /** Carried by somebody else (flows.ts): its own, and those of others that reach its client inside the process. */
  flows: readonly Flow[] = NO_FLOWS;
  /** As they were when it was made. */
  readonly #relayedAddresses: readonly TransportAddress[];

  constructor(init: AllocationInit) {
    this.link = init.link;
    this.protocol = init.protocol;
    this.relays = init.sockets.map((socket) => ({
      family: socket.relayedAddress.family,
      socket,
      expiresAtMs: init.expiresAtMs,
    }));
    this.#relayedAddresses = init.sockets.map(({ relayedAddress }) => relayedAddress);
    this.user = init.user;
    this.username = init.username;
    this.key = init.key;
    this.algorithm = init.algorithm;
    this.transactionId = init.transactionId;
    this.reservationToken = init.reservationToken;
    this.addressErrors = init.addressErrors;
    this.buckets = init.buckets;
    this.lastRelayedAtMs = init.nowMs;
  }

  /** When the last of its relayed addresses is over. */
  get expiresAtMs(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const { expiresAtMs } of this.relays) if (expiresAtMs > last) last = expiresAtMs;
    return last;
  }

  /** Its 5-tuples: two while its client moves. */
  get links(): readonly ClientLink[] {
    return this.nextLink === undefined ? [this.link] : [this.link, this.nextLink];
  }

  relayOf(family: IpFamily): AllocationRelay | undefined {
    return this.relays.find((relay) => relay.family === family);
  }

  /** Forgets one of two relayed addresses, with its permissions and channels; those of the other stay (section 8.1). */
  dropRelay(dropped: AllocationRelay): void {
    removeWhere(this.relays, (relay) => relay === dropped);
    removeWhere(this.channels, ({ permission }) => permission.relay === dropped);
    removeWhere(this.permissions, ({ relay }) => relay === dropped);
  }

  addFlow(flow: Flow): void {
    this.flows = [...this.flows, flow];
  }

  dropFlow(dropped: Flow): void {
    const rest = this.flows.filter((flow) => flow !== dropped);
    this.flows = rest.length === 0 ? NO_FLOWS : rest;
  }

  /** The live permission for this address, if any. */
  permissionFor(ip: IpAddress, nowMs: number): Permission | undefined {
    for (const permission of this.permissions) {
      if (sameIp(permission.ip, ip)) return isLive(permission, nowMs) ? permission : undefined;
    }
    return undefined;
  }

  /** The live binding of this channel number, if any. */
  channelByNumber(number: number, nowMs: number): ChannelBinding | undefined {
    for (const channel of this.channels) {
      if (channel.number === number) return channel.expiresAtMs > nowMs ? channel : undefined;
    }
    return undefined;
  }

  /** The live binding to this transport address, if any. */
  channelTo(address: TransportAddress, nowMs: number): ChannelBinding | undefined {
    for (const channel of this.channels) {
      if (sameTransportAddress(channel.destination.address, address)) {
        return channel.expiresAtMs > nowMs ? channel : undefined;
      }
    }
    return undefined;
  }

  /** Installs or refreshes the permission for this address (RFC 8656 section 9). */
  permit({ address: ip, relay, verdict, isOpen }: PermittedTarget, nowMs: number): Permission {
    const expiresAtMs = nowMs + PERMISSION_LIFETIME_MS;
    const known = this.permissions.find((permission) => sameIp(permission.ip, ip));
    if (known !== undefined) {
      known.isOpen = isOpen;
      known.expiresAtMs = expiresAtMs;
      return known;
    }
    const permission: Permission = {
      ip,
      relay,
      verdict,
      isOpen,
      provenPorts: [],
      lastHeardAtMs: Number.NEGATIVE_INFINITY,
      expiresAtMs,
    };
    this.permissions.push(permission);
    // A channel may have outlived the permission that it was bound with.
    for (const channel of this.channels) {
      if (sameIp(channel.destination.address, ip)) channel.permission = permission;
    }
    return permission;
  }

  /** Forgets expired permissions and channels. */
  forgetExpired(nowMs: number): void {
    removeWhere(this.channels, ({ expiresAtMs }) => expiresAtMs <= nowMs);
    removeWhere(this.permissions, ({ expiresAtMs }) => expiresAtMs <= nowMs);
  }

  summary(): AllocationSummary {
    const [relayedAddress, additionalRelayedAddress] = this.#relayedAddresses;
    return {
      userId: this.user.userId,
      ...this.user.room,
      client: this.link.remote,
      transport: this.link.transport,
      protocol: this.protocol,
      relayedAddress: relayedAddress as TransportAddress,
      ...(additionalRelayedAddress && { additionalRelayedAddress }),
    };
  }
}

/** Whether packets may pass by it. */
export function isLive(permission: Permission, nowMs: number): boolean {
  return permission.expiresAtMs > nowMs && permission.relay.expiresAtMs > nowMs;
}

/** Whether everything passes to and from this port of the permitted address. */
export function isOpenAt({ isOpen, provenPorts }: Permission, port: number): boolean {
  if (isOpen) return true;
  for (const proven of provenPorts) if (proven.port === port) return true;
  return false;
}

function removeWhere<Item>(list: Item[], isMeant: (item: Item) => boolean): void {
  for (let i = list.length - 1; i >= 0; i--) if (isMeant(list[i] as Item)) list.splice(i, 1);
}
