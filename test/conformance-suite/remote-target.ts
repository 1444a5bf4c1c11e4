/** Any running server as a target of the conformance rules. */

import {
  formatIp,
  type IpAddress,
  type IpFamily,
  isLoopback,
  sameIp,
  type TransportAddress,
} from "../../src/stun/address.ts";
import { DENY_LIST_RULES } from "../conformance/rules/deny-list.ts";
import { CAROL, type Need, type Peer, peerAt, type Rule, type Target } from "../conformance/target.ts";
import { createTcpPlaces, type TcpPlaces } from "../conformance/tcp-places.ts";
import { type Endpoint, type PacketTransport, transportTo } from "../support/endpoint.ts";
import { NoAnswerError } from "../support/no-answer.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { allocateTcp } from "../support/tcp-requests.ts";
import { TurnClient } from "../support/turn-client.ts";
import type { Credentials } from "../support/turn-request.ts";
import { isUdpAddressFree, openUdpEndpoint } from "../support/udp-endpoint.ts";
import { NotApplicableError } from "./not-applicable.ts";
import type { SuiteOptions } from "./options.ts";
import type { Places } from "./places.ts";
import { ServerConnectionError } from "./server-connection-error.ts";
import { isNearby, isOwn, isPrivate } from "./whose-address.ts";

const STALE_NONCE = 438;
/** On a server of one address permissions for it are given, because other clients are relayed there. */
const OWN_LISTENER = "own-listener";

export class RemoteServer {
  readonly options: SuiteOptions;
  readonly places: Places;
  readonly #patienceMs: number;
  readonly #usedPorts = new Set<number>();
  #relaysTcp: Promise<boolean> | undefined;

  /** `patienceMs`: how long a client or a peer waits for a packet. */
  constructor(options: SuiteOptions, places: Places, patienceMs: number) {
    this.options = options;
    this.places = places;
    this.#patienceMs = patienceMs;
  }

  /** Why the rule says nothing about this server; undefined where it does. */
  hindranceTo(rule: Rule): string | undefined {
    if (rule.settings !== undefined) return "needs settings of our own server";
    const need = rule.needs?.find((one) => this.#lacks(one) !== undefined);
    if (need !== undefined) return this.#lacks(need);
    const [peer] = this.places.peers;
    if (rule.id === OWN_LISTENER) return "needs a relay on another address than the listener's";
    if (DENY_LIST_RULES.includes(rule) && peer !== undefined && (isLoopback(peer) || isPrivate(peer)))
      return `needs a server that does not relay to ${isLoopback(peer) ? "loopback" : "private networks"}`;
    if (rule.id === "userhash" && this.options.staticUsers === 0) return "needs a static user (--user)";
    return undefined;
  }

  #lacks(need: Need): string | undefined {
    const { servers, transport } = this.options;
    if (need === "datagrams" && transport !== "udp") return "is about datagrams: needs UDP";
    if (need === "stream" && transport === "udp") return "is about streams: needs TCP or TLS";
    if (need === "clock") return "needs a clock that can be moved";
    if (need === "inside") return "needs controls of our own server";
    if (need === "local" && !servers.every(isOwn)) return "needs a server on this machine";
    if (need === "ipv6" && servers.every(({ family }) => family === 4))
      return "needs the server's IPv6 address";
    if (need === "public" && servers.some(isLoopback)) return "needs a server that is not on loopback";
    return undefined;
  }

  /** What one rule uses. Closing it ends its allocations. */
  open(): Target {
    const clients: TurnClient[] = [];
    const peers: Peer[] = [];
    const opened: { close(): Promise<void> }[] = [];
    const [alice, bob] = this.options.users;
    const isUdp = this.options.transport === "udp";
    const openClient = async (family: IpFamily | undefined, as: Credentials) => {
      const client = await this.#openClient(family, as);
      clients.push(client);
      return client;
    };
    const keepPeer = (peer: Peer) => {
      peers.push(peer);
      return peer;
    };
    return {
      alice: required(alice, "needs a user"),
      get bob() {
        return required(bob, "needs a second user (--user)");
      },
      client: ({ family, as = alice } = {}) => openClient(family, this.#userFor(as)),
      peer: async ({ family = 4, host = 0 } = {}) => keepPeer(await this.#openPeer(family, host)),
      tcp: (family) => this.#tcpPlaces(family, opened),
      serverAddress: (family) => this.#serverAddress(family),
      isFree: isUdpAddressFree,
      endpointAt: async (ip) => keepPeer(peerAt(await openUdpEndpoint(ip), this.#patienceMs)),
      get controls(): never {
        throw new NotApplicableError("needs controls of our own server");
      },
      async close() {
        // Over TCP and TLS an allocation ends with its connection.
        if (isUdp) await Promise.all(clients.map(endAllocation));
        await Promise.all([...clients, ...peers, ...opened].map((one) => one.close()));
      },
    };
  }

  /** Rejects with ServerConnectionError where no connection can be made; over UDP, where nothing answers. */
  async assertReachable(): Promise<void> {
    if (this.options.transport === "udp") return this.#assertAnswers();
    for (const server of this.options.servers) {
      const connection = await this.#connect(server).catch((error: unknown) => {
        throw new ServerConnectionError(server, error);
      });
      await connection.close();
    }
  }

  async #assertAnswers(): Promise<void> {
    const [server] = this.options.servers;
    if (server === undefined || (await this.isServing())) return;
    throw new ServerConnectionError(server, new Error("no answer to three Binding requests over UDP"));
  }

  /** The first to come finds out whether there are TCP allocations. */
  #tcpPlaces(asked: IpFamily | undefined, opened: { close(): Promise<void> }[]): TcpPlaces {
    const { transport, tls } = this.options;
    const { server, from } = this.#wayOver(asked);
    const places = createTcpPlaces({
      server,
      clientIp: from,
      peerIp: this.#peerIp(4, 0),
      patienceMs: this.#patienceMs,
      keep(one) {
        opened.push(one);
        return one;
      },
      ...(transport === "tls" && { tls }),
    });
    return {
      ...places,
      control: async (as) => {
        this.#relaysTcp ??= probeTcp(places, as);
        required((await this.#relaysTcp) || undefined, "needs TCP allocations (RFC 6062)");
        return places.control(as);
      },
    };
  }

  /** Whether the server still answers. */
  async isServing(): Promise<boolean> {
    const user = required(this.options.users[0], "needs a user");
    const client = await this.#openClient(undefined, user).catch(() => undefined);
    if (client === undefined) return false;
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        const answer = await client.bind().catch(ignoreSilence);
        if (answer !== undefined) return true;
      }
      return false;
    } finally {
      await client.close();
    }
  }

  /** The rules know Carol as the third user; who has only one or two users has nobody better for her than the first. */
  #userFor(as: Credentials | undefined): Credentials {
    const [first, , third] = this.options.users;
    return required(as === CAROL || as === undefined ? (third ?? first) : as, "needs a user");
  }

  async #openClient(asked: IpFamily | undefined, as: Credentials): Promise<TurnClient> {
    return new TurnClient(await this.#connect(this.#wayOver(asked).server), as, this.#patienceMs);
  }

  /** Over the family of the first server where none is asked for; a server with one address is asked there, whatever the family. */
  #wayOver(asked: IpFamily | undefined): { server: TransportAddress; from: IpAddress } {
    const { servers } = this.options;
    const server = required(servers.find(({ family }) => family === asked) ?? servers[0], "needs a server");
    return { server, from: this.#sourceFor(server) };
  }

  #sourceFor(server: TransportAddress): IpAddress {
    return required(this.places.clientIp(server.family), "needs an address that reaches the server");
  }

  async #connect(server: TransportAddress): Promise<PacketTransport> {
    const { transport, tls } = this.options;
    const from = this.#sourceFor(server);
    if (transport === "udp") return transportTo(server, await this.#openUnused(from));
    return openStreamTransport({ server, from, ...(transport === "tls" && { tls }) });
  }

  /** A port that no client had before: a server may take its time to forget an allocation. */
  async #openUnused(ip: IpAddress): Promise<Endpoint> {
    for (;;) {
      const endpoint = await openUdpEndpoint(ip);
      const { port } = endpoint.address;
      if (!this.#usedPorts.has(port)) {
        this.#usedPorts.add(port);
        return endpoint;
      }
      await endpoint.close();
    }
  }

  #peerIp(family: IpFamily, host: 0 | 1): IpAddress {
    const [first, second] = this.places.peers.filter((ip) => ip.family === family);
    return host === 0 || family === 6
      ? required(first, `needs a peer address (--peer) of IPv${family}`)
      : required(second, "needs a second peer address (--peer)");
  }

  async #openPeer(family: IpFamily, host: 0 | 1): Promise<Peer> {
    const ip = this.#peerIp(family, host);
    const peer = peerAt(await openUdpEndpoint(ip), this.#patienceMs);
    return { ...peer, send: (to, data) => peer.send(this.#harmless(to), data) };
  }

  /** A relayed address is what the server says it is: nothing is sent to somebody else because of that. */
  #harmless(to: TransportAddress): TransportAddress {
    const { servers, isMine } = this.options;
    if (isMine || isNearby(to) || servers.some((server) => sameIp(server, to))) return to;
    throw new NotApplicableError(`the relayed address ${formatIp(to)} is not the server's`);
  }

  #serverAddress(family: IpFamily): TransportAddress {
    const server = this.options.servers.find((one) => one.family === family);
    return required(server, `needs the server's IPv${family} address`);
  }
}

async function probeTcp(places: TcpPlaces, as: Credentials): Promise<boolean> {
  const client = await places.control(as);
  await client.authentication();
  const answer = await allocateTcp(client);
  await client.close();
  return answer.isSuccess;
}

/** So that the next rules do not meet a quota. */
async function endAllocation(client: TurnClient): Promise<void> {
  const answer = await client.refresh(0).catch(ignoreSilence);
  if (answer?.errorCode === STALE_NONCE) await client.refresh(0).catch(ignoreSilence);
}

function ignoreSilence(error: unknown): undefined {
  if (!(error instanceof NoAnswerError)) throw error;
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new NotApplicableError(what);
  return value;
}
