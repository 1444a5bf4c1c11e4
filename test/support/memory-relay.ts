/** The relay's two sides in memory: a listener for clients and an allocator of relay sockets. */

import {
  formatTransportAddress,
  type IpAddress,
  type IpFamily,
  type TransportAddress,
} from "../../src/stun/address.ts";
import { CHANNEL_DATA_HEADER_BYTES, writeChannelDataHeader } from "../../src/turn/channel-data.ts";
import type { FlowCarrier } from "../../src/turn/flow-carrier.ts";
import type {
  ClientLink,
  ClientTransport,
  IcmpError,
  IcmpReceiver,
  LinkHolding,
  RelayAllocator,
  RelayDestination,
  RelayPacketReceiver,
  RelaySocket,
  RelaySocketRequest,
  RelaySocketResult,
} from "../../src/turn/ports.ts";
import type { TurnServer } from "../../src/turn/turn-server.ts";
import type { MemoryEndpoint, MemoryNetwork } from "./memory-network.ts";

/** Packets sit in the middle of one buffer that is overwritten after every call: who keeps bytes is found out. */
class Arena {
  readonly #bytes = new Uint8Array(0x20000);

  lend(packet: Uint8Array, use: (buffer: Uint8Array, start: number, end: number) => void): void {
    const start = 0x101;
    this.#bytes.set(packet, start);
    use(this.#bytes, start, start + packet.length);
    this.#bytes.fill(0x55, start, start + packet.length);
  }
}

/** Gives clients' packets to the relay, each 5-tuple with a link that lives as long as the relay retains it. */
export class MemoryListener {
  readonly #links = new Map<string, ClientLink>();
  readonly #turn: TurnServer;
  readonly #transport: ClientTransport;

  /** `transport`: what the links call themselves; packets stay packets. */
  constructor(endpoint: MemoryEndpoint, turn: TurnServer, transport: ClientTransport = "udp") {
    this.#turn = turn;
    this.#transport = transport;
    const arena = new Arena();
    endpoint.onPacket((bytes, from) => {
      const link = this.#links.get(formatTransportAddress(from)) ?? this.#linkTo(endpoint, from);
      arena.lend(bytes, (buffer, start, end) => turn.receive(link, buffer, start, end));
    });
  }

  /** The client's connection closes, as one over TCP does. */
  disconnect(client: TransportAddress): void {
    const link = this.#links.get(formatTransportAddress(client));
    if (link !== undefined) this.#turn.linkClosed(link);
  }

  /** Links that the relay has retained and not released. */
  get retainedCount(): number {
    return this.#links.size;
  }

  #linkTo(endpoint: MemoryEndpoint, remote: TransportAddress): ClientLink {
    const name = formatTransportAddress(remote);
    const link: ClientLink = {
      transport: this.#transport,
      remote,
      local: endpoint.address,
      holding: undefined as LinkHolding | undefined,
      send: (message) => endpoint.sendNow(remote, message),
      sendChannelData(channelNumber, buffer, start, end) {
        const frame = new Uint8Array(CHANNEL_DATA_HEADER_BYTES + end - start);
        writeChannelDataHeader(frame, 0, channelNumber, end - start);
        frame.set(buffer.subarray(start, end), CHANNEL_DATA_HEADER_BYTES);
        endpoint.sendNow(remote, frame);
      },
      retain: () => void this.#links.set(name, link),
      release: () => void this.#links.delete(name),
    };
    return link;
  }
}

/** Opens relay sockets on the network, ports in order from 49152 on. */
export class MemoryRelayAllocator implements RelayAllocator {
  readonly supportsDontFragment: boolean;
  readonly carrier: FlowCarrier | undefined;
  /** Of the packets that were sent: those that nobody may cut in pieces. */
  readonly unfragmented: string[] = [];
  readonly #icmpReceivers = new Map<string, IcmpReceiver>();
  readonly #network: MemoryNetwork;
  readonly #ips: readonly IpAddress[];
  readonly #arena = new Arena();
  #openCount = 0;

  constructor(
    network: MemoryNetwork,
    ips: readonly IpAddress[],
    supportsDontFragment = false,
    carrier?: FlowCarrier,
  ) {
    this.supportsDontFragment = supportsDontFragment;
    this.carrier = carrier;
    this.#network = network;
    this.#ips = ips;
  }

  /** Relay sockets that were opened and not closed. */
  get openCount(): number {
    return this.#openCount;
  }

  /** An ICMP error about what this relayed address has sent. */
  icmp(relayed: TransportAddress, error: IcmpError): void {
    this.#icmpReceivers.get(formatTransportAddress(relayed))?.(error);
  }

  supports(family: IpFamily): boolean {
    return this.#ips.some((ip) => ip.family === family);
  }

  /** Answers later, as a kernel may: what comes meanwhile finds the Allocate waiting. */
  open(request: RelaySocketRequest, done: (result: RelaySocketResult) => void): void {
    setImmediate(() => this.#openNow(request, done));
  }

  #openNow({ family, parity }: RelaySocketRequest, done: (result: RelaySocketResult) => void): void {
    const ip = this.#ips.find((candidate) => candidate.family === family);
    if (ip === undefined) return done({ ok: false, reason: "family-unsupported" });
    const isFree = (port: number) => this.#network.isFree({ ...ip, port });
    for (let port = 49152; port <= 65535; port++) {
      if (!isFree(port) || (parity !== "any" && port % 2 === 1)) continue;
      if (parity !== "even-with-next") return done({ ok: true, socket: this.#bind(ip, port) });
      if (isFree(port + 1)) {
        return done({ ok: true, socket: this.#bind(ip, port), next: this.#bind(ip, port + 1) });
      }
    }
    done({ ok: false, reason: "no-port" });
  }

  #bind(ip: IpAddress, port: number): RelaySocket {
    const endpoint = this.#network.open(ip, port);
    const arena = this.#arena;
    const { unfragmented } = this;
    let isOpen = true;
    this.#openCount++;
    const close = () => {
      if (isOpen) this.#openCount--;
      isOpen = false;
      endpoint.closeNow();
    };
    return {
      relayedAddress: endpoint.address,
      destination: (address) => ({ address }),
      send({ address }: RelayDestination, buffer, start, end, dontFragment) {
        const bytes = buffer.subarray(start, end);
        if (dontFragment === true) unfragmented.push(Buffer.from(bytes).toString());
        endpoint.sendNow(address, bytes);
      },
      onPacket: (receiver: RelayPacketReceiver) =>
        endpoint.onPacket((bytes, from) =>
          arena.lend(bytes, (buffer, start, end) => receiver(from, buffer, start, end)),
        ),
      onIcmp: (receiver: IcmpReceiver) =>
        void this.#icmpReceivers.set(formatTransportAddress(endpoint.address), receiver),
      close,
    };
  }
}
