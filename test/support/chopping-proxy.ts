/** A TCP proxy through which everything that a client sends arrives in segments of one byte. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface ChoppingProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** To a port on 127.0.0.1. The first `choppedBytes` of each connection are chopped, the rest passes as it comes. */
export async function openChoppingProxy(targetPort: number, choppedBytes: number): Promise<ChoppingProxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    target.pipe(client);
    chop(client, target, choppedBytes).catch(() => target.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function chop(from: Socket, to: Socket, choppedBytes: number): Promise<void> {
  let chopped = 0;
  for await (const segment of from) {
    const whole = segment as Buffer;
    const here = Math.min(whole.length, choppedBytes - chopped);
    for (let i = 0; i < here; i++) {
      to.write(whole.subarray(i, i + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    chopped += here;
    if (here < whole.length) to.write(whole.subarray(here));
  }
}
