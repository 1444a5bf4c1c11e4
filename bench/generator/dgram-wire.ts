/** Where the batched engine cannot be had. It costs more than that, and often more than the servers do. */

import { bindListenerSocket } from "../../src/net/dgram-socket.ts";
import { formatIp, type IpAddress, withPort } from "../../src/stun/address.ts";
import type { Receive, Wire, WireSocket } from "./wire.ts";

const TICK_MS = 1;

export class DgramWire implements Wire {
  readonly name: string;
  onTick: (nowMs: number) => void = () => undefined;
  readonly #timer = setInterval(() => this.onTick(performance.now()), TICK_MS);

  constructor(reason: string) {
    this.name = `dgram (${reason})`;
  }

  /** Nothing is asked in vain here. */
  get workMs(): number {
    return performance.now();
  }

  async open(ip: IpAddress, receive: Receive): Promise<WireSocket> {
    const socket = await bindListenerSocket(ip, 0);
    socket.on("message", (bytes, { port }) => receive(bytes, 0, bytes.length, port));
    return {
      address: withPort(ip, socket.address().port),
      send: (to, bytes) => socket.send(Buffer.from(bytes), to.port, formatIp(to)),
      close: () => void socket.close(),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }
}
