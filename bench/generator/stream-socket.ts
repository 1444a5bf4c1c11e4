/** A client's connection over TCP or TLS. What is sent in one turn of the event loop leaves in one write. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { formatIp, type IpAddress, type TransportAddress, withPort } from "../../src/stun/address.ts";
import type { Receive, WireSocket } from "./wire.ts";

/** From here on a frame is ChannelData. */
const FIRST_CHANNEL_BYTE = 0x40;
const CHANNEL_HEADER_BYTES = 4;
const STUN_HEADER_BYTES = 20;
const PADDING = 4;

export interface StreamSocketOptions {
  readonly transport: "tcp" | "tls";
  readonly server: TransportAddress;
  readonly from: IpAddress;
  readonly receive: Receive;
}

/** Rejects with the system's error, or TLS's. Any certificate will do. */
export async function openStreamSocket({
  transport,
  server,
  from,
  receive,
}: StreamSocketOptions): Promise<WireSocket> {
  const ends = { host: formatIp(server), port: server.port, localAddress: formatIp(from), noDelay: true };
  const socket = transport === "tcp" ? connect(ends) : connectTls({ ...ends, rejectUnauthorized: false });
  await once(socket, transport === "tcp" ? "connect" : "secureConnect");
  socket.on("error", () => undefined);
  socket.on("data", readFrames(server.port, receive));
  return {
    address: withPort(from, socket.localPort ?? 0),
    send: sendTogether(socket),
    close: () => void socket.destroy(),
  };
}

/** `bytes` may be written again at once: a copy is kept, padded as streams want it (RFC 8656 section 12.5). */
function sendTogether(socket: Socket): WireSocket["send"] {
  let isCorked = false;
  return (_to, bytes) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    const frame = Buffer.alloc(Math.ceil(bytes.length / PADDING) * PADDING);
    frame.set(bytes);
    socket.write(frame);
  };
}

/** Cuts what comes into frames, wherever its segments begin and end. */
function readFrames(port: number, receive: Receive): (segment: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (segment) => {
    const bytes = rest.length === 0 ? segment : Buffer.concat([rest, segment]);
    let at = 0;
    while (bytes.length - at >= CHANNEL_HEADER_BYTES) {
      const isChannelData = (bytes[at] as number) >= FIRST_CHANNEL_BYTE;
      const length = bytes.readUInt16BE(at + 2) + (isChannelData ? CHANNEL_HEADER_BYTES : STUN_HEADER_BYTES);
      const next = at + Math.ceil(length / PADDING) * PADDING;
      if (next > bytes.length) break;
      receive(bytes, at, at + length, port);
      at = next;
    }
    rest = bytes.subarray(at);
  };
}
