/** Ports for servers that are given theirs by a flag. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Given out before: the kernel gives a port that was closed again, and a server wants several. */
const given = new Set<number>();

/** A port that is free for TCP and for UDP, on every address of this machine, and was not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await freeTcpPort();
    if (given.has(port) || !(await isFreeForUdp(port))) continue;
    given.add(port);
    return port;
  }
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
  return address.port;
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp6");
  socket.bind(port);
  // `once` rejects with an error that comes instead.
  const isFree = await once(socket, "listening").then(
    () => true,
    () => false,
  );
  socket.close();
  return isFree;
}
