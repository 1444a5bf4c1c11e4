/** A TCP proxy that says whose connection it passes on: PROXY headers, versions 1 and 2. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { formatIp, type IpAddress, type TransportAddress } from "../../src/stun/address.ts";

export interface HeaderProxy {
  /** On the address that it sends from. */
  readonly address: { readonly ip: string; readonly port: number };
  close(): Promise<void>;
}

/** Every connection begins with these bytes, in a segment of their own. `from`: whom the server sees, and where clients find the proxy. */
export async function openHeaderProxy(
  target: TransportAddress,
  from: IpAddress,
  header: Uint8Array,
): Promise<HeaderProxy> {
  const ip = formatIp(from);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const to = { host: formatIp(target), port: target.port, localAddress: ip, noDelay: true };
    const onward = connect(to);
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    onward.write(header);
    onward.pipe(client);
    client.pipe(onward);
  });
  server.listen(0, ip);
  await once(server, "listening");
  return {
    address: { ip, port: (server.address() as AddressInfo).port },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export interface PassedOn {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
}

/** Version 1; both addresses are of one family. */
export function textHeader({ source, destination }: PassedOn): Buffer {
  const addresses = `${formatIp(source)} ${formatIp(destination)} ${source.port} ${destination.port}`;
  return Buffer.from(`PROXY TCP${source.family} ${addresses}\r\n`);
}

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
/** A TLV that says nothing (PP2_TYPE_NOOP). */
const TLV = Buffer.from("04000400000000", "hex");

/** Version 2, with a TLV. */
export function binaryHeader({ source, destination }: PassedOn): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const block = Buffer.concat([ipBytes(source), ipBytes(destination), ports, TLV]);
  const prefix = Buffer.from([0x21, source.family === 4 ? 0x11 : 0x21, 0, block.length]);
  return Buffer.concat([SIGNATURE, prefix, block]);
}

/** Version 2: the proxy speaks for itself. */
export const LOCAL_HEADER = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);

function ipBytes({ family, w0, w1, w2, w3 }: IpAddress): Buffer {
  const bytes = Buffer.alloc(16);
  for (const [index, word] of [w0, w1, w2, w3].entries()) bytes.writeUInt32BE(word, index * 4);
  return family === 4 ? bytes.subarray(12) : bytes;
}
