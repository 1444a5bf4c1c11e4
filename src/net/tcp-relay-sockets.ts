/** Relayed transport addresses over TCP (RFC 6062): a listener each, from the relay port range, and connections that leave from its port. */

import { connect, createServer, type Server, type Socket } from "node:net";
import { formatIp, type IpFamily, type TransportAddress, withPort } from "../stun/address.ts";
import type { PeerStream, TcpRelay, TcpRelayAllocator } from "../turn/tcp-ports.ts";
import { readSocketAddress } from "./client-address.ts";
import { DuplexPeerStream, peerStreamPair } from "./peer-stream.ts";
import type { RelayAddress } from "./relay-addresses.ts";
import { type PortRange, RelayPorts } from "./relay-ports.ts";

/** Connections that the kernel may hold until they are looked at. */
const BACKLOG = 64;
/** The kernel looks after peers that are gone without a word. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };

export class TcpRelaySockets implements TcpRelayAllocator {
  readonly #pools = new Map<IpFamily, TcpPortPool>();

  /** At most one address per family. `failed` hears of a listener that could not be taken up again. */
  constructor(addresses: readonly RelayAddress[], ports: PortRange, failed: (error: unknown) => void) {
    for (const address of addresses)
      this.#pools.set(address.bindIp.family, new TcpPortPool(address, ports, failed));
  }

  supports(family: IpFamily): boolean {
    return this.#pools.has(family);
  }

  open(family: IpFamily, done: (relay: TcpRelay | undefined) => void): void {
    const pool = this.#pools.get(family);
    if (pool === undefined) return done(undefined);
    pool.open().then(done, () => done(undefined));
  }

  pair(): readonly [PeerStream, PeerStream] {
    return peerStreamPair();
  }
}

/** The ports of the range on one address. */
class TcpPortPool {
  readonly #address: RelayAddress;
  readonly #ports: RelayPorts;
  readonly #failed: (error: unknown) => void;

  constructor(address: RelayAddress, range: PortRange, failed: (error: unknown) => void) {
    this.#address = address;
    this.#ports = new RelayPorts(range);
    this.#failed = failed;
  }

  /** Undefined where no port is left; rejects on a failure that another port would not mend. */
  async open(): Promise<TcpRelay | undefined> {
    for (const [port = 0] of this.#ports.candidates("any")) {
      const relay = await this.#listenOn(port);
      if (relay !== undefined) return relay;
    }
    return undefined;
  }

  async #listenOn(port: number): Promise<TcpRelay | undefined> {
    const giveBack = this.#ports.take(port);
    const relay = new ListeningRelay(this.#address, port, giveBack, this.#failed);
    try {
      await relay.listen();
      return relay;
    } catch (error) {
      relay.close();
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
      throw error;
    }
  }
}

type ConnectionReceiver = Parameters<TcpRelay["onConnection"]>[0];

class ListeningRelay implements TcpRelay {
  readonly relayedAddress: TransportAddress;
  readonly #local: TransportAddress;
  readonly #giveBack: () => void;
  readonly #failed: (error: unknown) => void;
  #receiver: ConnectionReceiver | undefined;
  #server: Server | undefined;
  #willListen = false;
  #isClosed = false;

  constructor(
    { bindIp, relayedIp }: RelayAddress,
    port: number,
    giveBack: () => void,
    failed: (error: unknown) => void,
  ) {
    this.#local = withPort(bindIp, port);
    this.relayedAddress = withPort(relayedIp, port);
    this.#giveBack = giveBack;
    this.#failed = failed;
  }

  /** Rejects with the system's error. */
  listen(): Promise<void> {
    const server = createServer(SOCKET_OPTIONS, (socket) => this.#accept(socket));
    this.#server = server;
    const { family, port } = this.#local;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        { host: formatIp(this.#local), port, ipv6Only: family === 6, backlog: BACKLOG, exclusive: true },
        () => {
          server.off("error", reject);
          server.on("error", this.#failed);
          resolve();
        },
      );
    });
  }

  onConnection(receiver: ConnectionReceiver): void {
    this.#receiver = receiver;
  }

  /**
   * A port that is listened on cannot be bound by another socket, unless both share it in a way that Node does not offer; once the
   * other one is bound, the port can be listened on again. Both happens before anything else of the event loop does, so that only a
   * connection that arrives within that fraction of a millisecond is refused.
   */
  connect(peer: TransportAddress, done: (stream: PeerStream | undefined) => void): () => void {
    this.#server?.close();
    const socket = connect({
      ...SOCKET_OPTIONS,
      host: formatIp(peer),
      port: peer.port,
      localAddress: formatIp(this.#local),
      localPort: this.#local.port,
    });
    this.#listenAgain();
    function settle(stream: PeerStream | undefined): void {
      socket.off("connect", socketOnConnect);
      socket.off("close", socketOnClose);
      done(stream);
    }
    function socketOnConnect(): void {
      settle(new DuplexPeerStream(socket));
    }
    function socketOnClose(): void {
      settle(undefined);
    }
    socket.on("error", ignoreSocketError);
    socket.once("connect", socketOnConnect);
    socket.once("close", socketOnClose);
    return function giveUp() {
      socket.off("connect", socketOnConnect);
      socket.off("close", socketOnClose);
      socket.destroy();
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server?.close();
    this.#giveBack();
  }

  /** Node binds and connects in the next tick: this is done in the one after, once for all that connect at the same time. */
  #listenAgain(): void {
    if (this.#willListen) return;
    this.#willListen = true;
    const listen = () => {
      this.#willListen = false;
      if (!this.#isClosed) this.listen().catch(this.#failed);
    };
    process.nextTick(() => process.nextTick(listen));
  }

  #accept(socket: Socket): void {
    socket.on("error", ignoreSocketError);
    const ip = readSocketAddress(socket.remoteAddress);
    const { remotePort } = socket;
    if (this.#isClosed || this.#receiver === undefined || ip === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#receiver(withPort(ip, remotePort), new DuplexPeerStream(socket));
  }
}

/** What goes wrong on a socket ends it, and "close" follows. */
function ignoreSocketError(): void {}
