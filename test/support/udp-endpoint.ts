/** A real UDP socket on loopback. */

import { createSocket } from "node:dgram";
import {
  formatIp,
  type IpAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import type { Endpoint } from "./endpoint.ts";

/** Port 0 picks a free one. Rejects with Node's bind error. */
export function openUdpEndpoint(ip: IpAddress, port = 0): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: ip.family === 4 ? "udp4" : "udp6", ipv6Only: ip.family === 6 });
    socket.once("error", reject);
    socket.bind({ address: formatIp(ip), port, exclusive: true }, () => {
      socket.off("error", reject);
      // A port that nobody listens on answers with ICMP; that is no error of the test's.
      socket.on("error", () => undefined);
      let closing: Promise<void> | undefined;
      resolve({
        address: withPort(ip, socket.address().port),
        send: (to, bytes) => new Promise((sent) => socket.send(bytes, to.port, formatIp(to), () => sent())),
        onPacket(receiver) {
          socket.on("message", (bytes, { address, port: fromPort }) => {
            receiver(bytes, withPort(parsed(address), fromPort));
          });
        },
        close() {
          closing ??= new Promise((closed) => socket.close(() => closed()));
          return closing;
        },
      });
    });
  });
}

/** Whether nobody holds this address. */
export async function isUdpAddressFree(address: TransportAddress): Promise<boolean> {
  const endpoint = await openUdpEndpoint(address, address.port).catch(() => undefined);
  await endpoint?.close();
  return endpoint !== undefined;
}

function parsed(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return ip;
}
