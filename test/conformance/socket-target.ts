/**
 * Our relay over real sockets on loopback. IPv4 has an address for each part (Linux answers to all of 127.0.0.0/8), so that
 * the deny list can be closed but for the peers; IPv6 has ::1 for all of them.
 */

import { networkInterfaces } from "node:os";
import type { Listener } from "../../src/net/listen.ts";
import { TcpRelaySockets } from "../../src/net/tcp-relay-sockets.ts";
import { openUdpEngine, type UdpEngine } from "../../src/net/udp-engine.ts";
import {
  type IpAddress,
  type IpFamily,
  parseIp,
  sameIp,
  type TransportAddress,
} from "../../src/stun/address.ts";
import type { RelayTargetPolicy } from "../../src/turn/ports.ts";
import { createRelayTargetPolicy } from "../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { type Endpoint, type PacketTransport, transportTo } from "../support/endpoint.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { TurnClient } from "../support/turn-client.ts";
import { isUdpAddressFree, openUdpEndpoint } from "../support/udp-endpoint.ts";
import { createControls } from "./controls.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { ALICE, BOB, CAROL, type Need, peerAt, REALM, type Target, type TargetSettings } from "./target.ts";
import { createTcpPlaces, type TcpPlacesOptions } from "./tcp-places.ts";

const LOOPBACK_IPV6 = ip("::1");
export const SERVER_IPV4 = ip("127.0.0.1");
export const RELAY_IPV4 = ip("127.0.0.3");
const CLIENTS_IPV4 = [ip("127.0.0.1"), ip("127.0.0.5")] as const;
const PEERS_IPV4 = [ip("127.0.0.2"), ip("127.0.0.4")] as const;
const RELAY_PORTS = { min: 49152, max: 65535 };

/** A machine without IPv6 cannot run the rules about it; CI must. */
export function hasIpv6(): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return process.env.CI === "true" || addresses.some(({ address }) => address === "::1");
}

const OFFERS: readonly Need[] = ["inside", "local", "mobility"];

/** What every target over sockets offers, `more` besides. */
export function socketOffers(...more: readonly Need[]): ReadonlySet<Need> {
  return new Set([...OFFERS, ...more, ...(hasIpv6() ? (["ipv6"] as const) : [])]);
}

/** How clients of a target on this machine reach it. */
export interface SocketTransport {
  /** What carries UDP to relay targets. Default: `dgram`. */
  readonly engine?: UdpEngine;
  listen(ip: IpAddress, turn: TurnServer): Promise<Listener>;
  connect(server: TransportAddress, from: IpAddress): Promise<PacketTransport>;
  /** Over TCP or TLS: with TCP allocations. */
  readonly stream?: Pick<TcpPlacesOptions, "ca">;
}

/** Our relay in this process, its relay sockets real ones. */
export async function openSocketTarget(
  { relayFamilies = [4, 6], tcpRelay = true, ...limits }: TargetSettings,
  endpoints: EndpointKeeper,
  transport: SocketTransport,
): Promise<Target> {
  const families: readonly IpFamily[] = hasIpv6() ? [4, 6] : [4];
  const relayIps = families.filter((family) => relayFamilies.includes(family)).map(relayIp);
  const credentials = new TestCredentials(REALM, [ALICE, BOB], [CAROL]);
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const engine = transport.engine ?? (await openUdpEngine("dgram", failed));
  const relayAddresses = relayIps.map((own) => ({ bindIp: own, relayedIp: own }));
  const turn = new TurnServer({
    realm: REALM,
    credentials,
    allocator: engine.createRelayAllocator(relayAddresses, RELAY_PORTS),
    tcpAllocator: tcpRelay ? new TcpRelaySockets(relayAddresses, RELAY_PORTS, failed) : undefined,
    targets: createTargets(relayIps),
    clock: () => performance.now(),
    mobility: true,
    limits: { ...DEFAULT_LIMITS, ...limits },
    isExempt: () => false,
    events: { failed },
  });
  const listeners = await Promise.all(
    families.map((family) => transport.listen(family === 4 ? SERVER_IPV4 : LOOPBACK_IPV6, turn)),
  );
  function serverAddress(family: IpFamily): TransportAddress {
    const address = listeners.find((listener) => listener.address.family === family)?.address;
    if (address === undefined) throw new Error(`no listener for IPv${family}`);
    return address;
  }
  return {
    ...createPlaces(endpoints, serverAddress, transport.connect),
    ...(transport.stream && { tcp: createTcp(endpoints, serverAddress, transport.stream) }),
    controls: createControls(turn, credentials, () => {
      throw new Error("the clock over sockets is the real one");
    }),
    async close() {
      turn.close();
      await endpoints.closeAll();
      await Promise.all(listeners.map((listener) => listener.close()));
      await engine.close();
      if (failures.length > 0) throw new AggregateError(failures, "the relay met a defect of its own");
    },
  };
}

function createTcp(
  endpoints: EndpointKeeper,
  serverAddress: Target["serverAddress"],
  stream: Pick<TcpPlacesOptions, "ca">,
): NonNullable<Target["tcp"]> {
  return (family = 4) =>
    createTcpPlaces({
      ...stream,
      server: serverAddress(family),
      clientIp: family === 4 ? CLIENTS_IPV4[0] : LOOPBACK_IPV6,
      peerIp: PEERS_IPV4[0],
      keep: endpoints.keep,
    });
}

/** Clients and peers on loopback, for a server on this machine. */
export function createPlaces(
  endpoints: EndpointKeeper,
  serverAddress: Target["serverAddress"],
  connect: SocketTransport["connect"],
  patienceMs?: number,
): Omit<Target, "controls" | "close"> {
  return {
    alice: ALICE,
    bob: BOB,
    async client({ family = 4, host = 0, as = ALICE, ip: own } = {}) {
      // IPv6 has one address on loopback: the other host comes over IPv4.
      const over = own?.family ?? (host === 1 ? 4 : family);
      const from = own ?? (over === 4 ? (CLIENTS_IPV4[host] as IpAddress) : LOOPBACK_IPV6);
      return new TurnClient(await connect(serverAddress(over), from), as, patienceMs);
    },
    async peer({ family = 4, host = 0 } = {}) {
      const own = family === 4 ? (PEERS_IPV4[host] as IpAddress) : LOOPBACK_IPV6;
      return peerAt(await endpoints.open(own), patienceMs);
    },
    serverAddress,
    isFree: isUdpAddressFree,
    endpointAt: async (ip) => peerAt(await endpoints.open(ip), patienceMs),
  };
}

/** Closes what a rule has opened. */
export class EndpointKeeper {
  readonly #opened: { close(): Promise<void> }[] = [];

  readonly keep = <T extends { close(): Promise<void> }>(opened: T): T => {
    this.#opened.push(opened);
    return opened;
  };

  async open(own: IpAddress): Promise<Endpoint> {
    return this.keep(await openUdpEndpoint(own));
  }

  /** A client's way to the server over UDP. */
  readonly connectUdp = async (server: TransportAddress, from: IpAddress): Promise<PacketTransport> =>
    transportTo(server, await this.open(from));

  async closeAll(): Promise<void> {
    await Promise.all(this.#opened.map((opened) => opened.close()));
  }
}

function relayIp(family: IpFamily): IpAddress {
  return family === 4 ? RELAY_IPV4 : LOOPBACK_IPV6;
}

/** The product's policy, open for the peers of IPv4, and for ::1 as `--dev` opens it. */
function createTargets(relayIps: readonly IpAddress[]): RelayTargetPolicy {
  const allow = PEERS_IPV4.map((peer) => ({ base: peer, prefixLength: 32 }));
  const closed = { deny: [], lan: false, dev: false, relayIps, otherOwnIps: [SERVER_IPV4] };
  const policy = createRelayTargetPolicy({ ...closed, allow });
  return {
    judge: (target) => (sameIp(target, LOOPBACK_IPV6) ? "own-open" : policy.judge(target)),
  };
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}
