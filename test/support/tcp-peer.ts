/** A relay target over TCP: it listens, connects, and knows nothing of TURN. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import {
  formatIp,
  type IpAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { ByteEnd } from "./byte-end.ts";
import { Mailbox } from "./mailbox.ts";

export interface TcpPeer {
  readonly address: TransportAddress;
  /** Connections that came, each with where from. */
  readonly accepted: Mailbox<{ readonly end: ByteEnd; readonly from: TransportAddress }>;
  /** Rejects with the system's error. */
  connect(to: TransportAddress): Promise<ByteEnd>;
  /** Cuts what is open. */
  close(): Promise<void>;
}

export async function openTcpPeer(ip: IpAddress, patienceMs = 3000): Promise<TcpPeer> {
  const accepted: TcpPeer["accepted"] = new Mailbox("a connection", patienceMs);
  const sockets = new Set<Socket>();
  function keep(socket: Socket): ByteEnd {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return new ByteEnd(socket);
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const from = parseIp(socket.remoteAddress ?? "");
    if (from !== undefined) accepted.put({ end: keep(socket), from: withPort(from, socket.remotePort ?? 0) });
  });
  server.listen(0, formatIp(ip));
  await once(server, "listening");
  let closing: Promise<unknown> | undefined;
  return {
    address: withPort(ip, (server.address() as AddressInfo).port),
    accepted,
    async connect(to) {
      const where = { host: formatIp(to), port: to.port, localAddress: formatIp(ip), allowHalfOpen: true };
      const socket = connect(where);
      await once(socket, "connect");
      return keep(socket);
    },
    async close() {
      closing ??= new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closing;
    },
  };
}
