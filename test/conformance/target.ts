/** What the rules run against: our relay in memory, over real sockets, or somebody else's server. */

import type { IpAddress, IpFamily, TransportAddress } from "../../src/stun/address.ts";
import type { DropReason } from "../../src/turn/ports.ts";
import type { TurnLimits } from "../../src/turn/relay-state.ts";
import type { SignalledIce } from "../../src/turn/room-targets.ts";
import type { Endpoint } from "../support/endpoint.ts";
import { Mailbox } from "../support/mailbox.ts";
import type { TurnClient } from "../support/turn-client.ts";
import type { Credentials } from "../support/turn-request.ts";
import type { TcpPlaces } from "./tcp-places.ts";

/**
 * What a rule asks of its target.
 * - clock: `controls.advance` moves the server's time
 * - inside: the server runs in this process: `controls`, `settings`
 * - local: the target's relay addresses are on this machine: `isFree`, `endpointAt`
 * - ipv6: clients, relay and peers over IPv6
 * - datagrams: clients reach the server by datagrams, each a packet of its own
 * - stream: clients reach the server over TCP or TLS
 * - tcp-relay: the server has TCP allocations (RFC 6062): `tcp`
 * - mobility: the server may move allocations (RFC 8016)
 * - public: none of its addresses is a loopback address
 */
export type Need =
  | "clock"
  | "inside"
  | "local"
  | "ipv6"
  | "datagrams"
  | "stream"
  | "tcp-relay"
  | "mobility"
  | "public";

/** How the server is set up for one rule; a rule with settings needs "inside". */
export interface TargetSettings extends Partial<TurnLimits> {
  readonly relayFamilies?: readonly IpFamily[];
  /** Default: where the target offers them. */
  readonly tcpRelay?: boolean;
}

export interface RelayedPacket {
  readonly data: Buffer;
  readonly from: TransportAddress;
}

/** A relay target (RFC 8656 says peer): a socket that knows nothing of TURN. */
export interface Peer {
  readonly address: TransportAddress;
  readonly packets: Mailbox<RelayedPacket>;
  send(to: TransportAddress, data: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Rooms, as signaling would have them: whoever has not left has a seat. */
export interface RoomControls {
  /** Credentials of a member. */
  member(room: string, peer: string): Credentials;
  /** What a member signals to another one. */
  signal(room: string, from: string, to: string, ice: Partial<SignalledIce>): void;
  leave(room: string, peer: string): void;
}

export interface TargetControls extends RoomControls {
  /** Moves the server's clock; only where the target offers "clock". */
  advance(seconds: number): void;
  /** What the server does once a second. */
  sweep(): void;
  /** The passwords of Alice and Bob are others from now on. */
  rotatePasswords(): void;
  /** The usernames of Alice and Bob are out of date from now on. */
  expireCredentials(): void;
  readonly allocationCount: number;
  /** Packets that went nowhere. */
  readonly drops: Readonly<Record<DropReason, number>>;
  /** Packets from client to client that crossed no relay socket. */
  readonly insidePackets: number;
}

export interface PlaceOptions {
  readonly family?: IpFamily;
  /** 0 or 1: which of the two addresses that clients, or peers, have (IPv4 only). */
  readonly host?: 0 | 1;
}

export interface ClientOptions extends PlaceOptions {
  readonly as?: Credentials;
  /** In the place of `host`: the IP address that it has. */
  readonly ip?: IpAddress;
}

export interface Target {
  readonly alice: Credentials;
  readonly bob: Credentials;
  /** A client on a 5-tuple of its own; Alice unless told otherwise. */
  client(options?: ClientOptions): Promise<TurnClient>;
  /** A peer that the server is willing to relay to. */
  peer(options?: PlaceOptions): Promise<Peer>;
  /** With clients over this family; default IPv4. Where the target offers "tcp-relay". */
  readonly tcp?: (family?: IpFamily) => TcpPlaces;
  /** Where clients send to. */
  serverAddress(family: IpFamily): TransportAddress;
  /** Whether nobody holds this address on the target's machine. */
  isFree(address: TransportAddress): Promise<boolean>;
  /** A socket on this address of the target's machine, which is no relay socket. */
  endpointAt(ip: IpAddress): Promise<Peer>;
  /** Throws where the target does not offer "inside". */
  readonly controls: TargetControls;
  close(): Promise<void>;
}

export interface TargetKind {
  readonly name: string;
  readonly offers: ReadonlySet<Need>;
  open(settings: TargetSettings): Promise<Target>;
}

/** A claim about a TURN server. */
export interface Rule {
  readonly id: string;
  readonly title: string;
  readonly rfc: string;
  readonly needs?: readonly Need[];
  readonly settings?: TargetSettings;
  run(target: Target): Promise<void>;
}

export const ALICE: Credentials = { username: "alice", password: "correct horse" };
export const BOB: Credentials = { username: "bob", password: "battery staple" };
/** A static user, whom neither `rotatePasswords` nor `expireCredentials` touches. */
export const CAROL: Credentials = { username: "carol", password: "hunter2" };
export const REALM = "turnpike.test";

export function peerAt(endpoint: Endpoint, patienceMs?: number): Peer {
  const packets = new Mailbox<RelayedPacket>("a relayed packet", patienceMs ?? 3000);
  endpoint.onPacket((bytes, from) => packets.put({ data: Buffer.from(bytes), from }));
  return {
    address: endpoint.address,
    packets,
    send: (to, data) => endpoint.send(to, data),
    close: () => endpoint.close(),
  };
}
