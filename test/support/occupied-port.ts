/** A port of 127.0.0.1 that somebody else holds, for TCP or for UDP. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export interface OccupiedPort {
  readonly port: number;
  /** Idempotent. */
  free(): Promise<void>;
}

export async function occupyTcpPort(): Promise<OccupiedPort> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, free: () => closeOnce(server) };
}

export async function occupyUdpPort(): Promise<OccupiedPort> {
  const socket = createSocket("udp4");
  socket.bind({ port: 0, address: "127.0.0.1", exclusive: true });
  await once(socket, "listening");
  const { port } = socket.address();
  let isFree = false;
  return {
    port,
    async free() {
      if (isFree) return;
      isFree = true;
      socket.close();
      await once(socket, "close");
    },
  };
}

async function closeOnce(server: ReturnType<typeof createServer>): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, "close");
}
