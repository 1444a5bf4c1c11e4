/** Our relay without a socket and with a clock of its own. Its addresses look public; nothing is sent to them. */

import { type IpAddress, parseIp, type TransportAddress, withPort } from "../../src/stun/address.ts";
import { METHOD } from "../../src/stun/registry.ts";
import type { FlowCarrier } from "../../src/turn/flow-carrier.ts";
import type { AllocationCounts, ClientTransport, TurnUser } from "../../src/turn/ports.ts";
import { createRelayTargetPolicy } from "../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { transportTo } from "../support/endpoint.ts";
import { MemoryNetwork } from "../support/memory-network.ts";
import { MemoryListener, MemoryRelayAllocator } from "../support/memory-relay.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { TurnClient } from "../support/turn-client.ts";
import { createControls } from "./controls.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import {
  ALICE,
  BOB,
  CAROL,
  type Need,
  peerAt,
  REALM,
  type Target,
  type TargetKind,
  type TargetSettings,
} from "./target.ts";

const SERVER = { 4: ip("185.199.1.1"), 6: ip("2a00:1450::1") };
const RELAY = { 4: ip("185.199.1.2"), 6: ip("2a00:1450::2") };
const CLIENTS = { 4: [ip("81.2.69.1"), ip("81.2.69.2")], 6: [ip("2a02:8100::1"), ip("2a02:8100:1::1")] };
const PEERS = { 4: [ip("89.160.20.1"), ip("89.160.20.2")], 6: [ip("2a01:4f8::1"), ip("2a01:4f8::2")] };
const PORT = 3478;
const METHOD_NAMES = new Map<number, string>(Object.entries(METHOD).map(([name, method]) => [method, name]));
/** A packet in memory takes no time, but a busy machine may stop this process for longer than that. */
const PATIENCE_MS = 2000;
const OFFERS: readonly Need[] = ["clock", "inside", "local", "ipv6", "datagrams", "mobility", "public"];

export const memoryKind: TargetKind = {
  name: "memory",
  offers: new Set(OFFERS),
  open: async (settings) => openMemoryTarget(settings).target,
};

/** A target and what stands behind it. */
export interface MemoryTarget {
  readonly target: Target;
  readonly turn: TurnServer;
  readonly network: MemoryNetwork;
  readonly allocator: MemoryRelayAllocator;
  /** Links that the relay keeps. */
  readonly retainedCount: () => number;
  /** A client's connection closes, as one over TCP does. */
  readonly disconnect: (client: TransportAddress) => void;
  /** What the relay has told about its own defects. */
  readonly failures: unknown[];
  /** Allocations that have followed their clients. */
  readonly moves: readonly { readonly from: TransportAddress; readonly to: TransportAddress }[];
  /** How often each request was answered in each way: "allocate 0" for a success. */
  readonly answers: ReadonlyMap<string, number>;
}

/** What no rule asks for. */
export interface MemoryOptions {
  readonly realm?: string;
  /** Everybody is this member of this room, and relays as one of `relayTo: "public"` does. */
  readonly room?: NonNullable<TurnUser["room"]>;
  /** What the relay takes the clients' links for. */
  readonly transport?: ClientTransport;
  /** Default: they cannot, as `dgram` cannot. */
  readonly supportsDontFragment?: boolean;
  /** Default: allocations may move (RFC 8016). */
  readonly mobility?: boolean;
  /** Default: the relay carries every packet itself. */
  readonly carrier?: FlowCarrier;
  /** Hears what each allocation has carried, when it ends. */
  readonly allocationClosed?: (counts: Readonly<AllocationCounts>) => void;
  /** Default: nobody. */
  readonly isExempt?: (client: IpAddress) => boolean;
}

export function openMemoryTarget(
  { relayFamilies = [4, 6], ...limits }: TargetSettings = {},
  {
    realm = REALM,
    room,
    transport,
    supportsDontFragment,
    mobility = true,
    carrier,
    allocationClosed,
    isExempt = () => false,
  }: MemoryOptions = {},
): MemoryTarget {
  let nowMs = 1_000_000;
  const network = new MemoryNetwork();
  const relayIps = relayFamilies.map((family) => RELAY[family]);
  const allocator = new MemoryRelayAllocator(network, relayIps, supportsDontFragment, carrier);
  const credentials = new TestCredentials(realm, [ALICE, BOB], [CAROL], room);
  const failures: unknown[] = [];
  const moves: { from: TransportAddress; to: TransportAddress }[] = [];
  const answers = new Map<string, number>();
  const turn = new TurnServer({
    realm,
    relayTo: room === undefined ? "room" : "public",
    credentials,
    allocator,
    targets: createRelayTargetPolicy({
      allow: [],
      deny: [],
      lan: false,
      dev: false,
      relayIps,
      otherOwnIps: [SERVER[4], SERVER[6]],
    }),
    clock: () => nowMs,
    mobility,
    limits: { ...DEFAULT_LIMITS, ...limits },
    isExempt,
    events: {
      failed: (error) => failures.push(error),
      allocationClosed: (_allocation, _why, counts) => allocationClosed?.(counts),
      allocationMoved: ({ client }, from) => moves.push({ from, to: client }),
      requestAnswered(method, errorCode = 0) {
        const name = `${METHOD_NAMES.get(method)} ${errorCode}`;
        answers.set(name, (answers.get(name) ?? 0) + 1);
      },
    },
  });
  const listeners = ([4, 6] as const).map(
    (family) => new MemoryListener(network.open(SERVER[family], PORT), turn, transport),
  );
  const target: Target = {
    alice: ALICE,
    bob: BOB,
    async client({ family = 4, host = 0, as = ALICE, ip: own = CLIENTS[family][host] as IpAddress } = {}) {
      const endpoint = network.open(own);
      return new TurnClient(transportTo(target.serverAddress(family), endpoint), as, PATIENCE_MS);
    },
    peer: async ({ family = 4, host = 0 } = {}) =>
      peerAt(network.open(PEERS[family][host] as IpAddress), PATIENCE_MS),
    serverAddress: (family) => withPort(SERVER[family], PORT),
    isFree: async (address) => network.isFree(address),
    endpointAt: async (ip) => peerAt(network.open(ip), PATIENCE_MS),
    controls: createControls(turn, credentials, (seconds) => {
      nowMs += seconds * 1000;
    }),
    async close() {
      turn.close();
      if (failures.length > 0) throw new AggregateError(failures, "the relay met a defect of its own");
    },
  };
  const retainedCount = () => listeners.reduce((sum, listener) => sum + listener.retainedCount, 0);
  const disconnect = (client: TransportAddress) => {
    for (const listener of listeners) listener.disconnect(client);
  };
  return { target, turn, network, allocator, retainedCount, disconnect, failures, moves, answers };
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}
