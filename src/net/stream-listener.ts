/** The relay's clients over TCP and TLS, from whichever port they come: one count, one limit. */

import type { Socket } from "node:net";
import { type TransportAddress, withPort } from "../stun/address.ts";
import type { TurnServer } from "../turn/turn-server.ts";
import { readSocketAddress } from "./client-address.ts";
import { ConnectionCount, type ConnectionLimits } from "./connection-count.ts";
import { endsOf } from "./socket-ends.ts";
import { StreamClientLink, type StreamTimeouts } from "./stream-link.ts";
import { WriteBatch } from "./write-batch.ts";

export interface TurnStreamsOptions {
  readonly turn: TurnServer;
  readonly connections: ConnectionLimits;
  readonly timeouts?: StreamTimeouts;
}

const TIMEOUTS: StreamTimeouts = { firstMessageMs: 10_000, idleMs: 30_000 };

export class TurnStreams {
  readonly #turn: TurnServer;
  readonly #timeouts: StreamTimeouts;
  readonly #count: ConnectionCount;
  readonly #batch = new WriteBatch();
  readonly #open = { tcp: 0, tls: 0 };

  constructor({ turn, connections, timeouts = TIMEOUTS }: TurnStreamsOptions) {
    this.#turn = turn;
    this.#timeouts = timeouts;
    this.#count = new ConnectionCount(connections);
  }

  /** Connections that are open. */
  get size(): number {
    return this.#count.size;
  }

  /** The same by transport. */
  get open(): Readonly<Record<"tcp" | "tls", number>> {
    return this.#open;
  }

  /** Takes over a connected socket, which may be paused with its first bytes in its buffer. Above a limit it is cut. */
  accept(socket: Socket, transport: "tcp" | "tls"): void {
    const { remoteAddress, remotePort, localAddress, localPort } = endsOf(socket);
    const remote = transportAddress(remoteAddress, remotePort);
    const local = transportAddress(localAddress, localPort);
    const place = remote === undefined || local === undefined ? undefined : this.#count.take(remoteAddress);
    if (remote === undefined || local === undefined || place === undefined) {
      socket.destroy();
      return;
    }
    this.#open[transport]++;
    const receive = (segment: Buffer) => link.receive(segment);
    const cut = () => socket.destroy();
    const link = new StreamClientLink({
      socket,
      transport,
      remote,
      local,
      turn: this.#turn,
      batch: this.#batch,
      timeouts: this.#timeouts,
      letGo() {
        socket.off("data", receive);
        socket.off("end", cut);
      },
    });
    // What goes wrong on a socket ends it, and "close" follows.
    socket.on("error", ignoreSocketError);
    socket.on("data", receive);
    // RFC 8656 knows no half-closed client: who sends no more has no use for what is relayed.
    socket.once("end", cut);
    socket.once("close", () => {
      this.#count.giveBack(place);
      this.#open[transport]--;
      link.closed();
    });
    socket.resume();
  }
}

function transportAddress(
  address: string | undefined,
  port: number | undefined,
): TransportAddress | undefined {
  const ip = readSocketAddress(address);
  return ip === undefined || port === undefined ? undefined : withPort(ip, port);
}

function ignoreSocketError(): void {}
