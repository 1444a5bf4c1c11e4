/** A TURN client's connection over TCP or TLS, with a framing of its own. */

import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { formatIp, type IpAddress, type TransportAddress, withPort } from "../../src/stun/address.ts";
import type { PacketTransport } from "./endpoint.ts";

export interface StreamTransportOptions {
  readonly server: TransportAddress;
  /** The client's own address. */
  readonly from: IpAddress;
  /** The server's certificate, for TLS. */
  readonly ca?: string;
  /** TLS to a server that is not the test's own; without `servername` its certificate must name the IP address. */
  readonly tls?: TlsSettings;
  readonly alpn?: readonly string[];
}

/** The answer to ConnectionBind that makes the connection a relayed one (RFC 6062 section 5.4). */
const CONNECTION_BIND_SUCCESS = 0x010b;

export type TlsSettings = Pick<ConnectionOptions, "ca" | "servername" | "rejectUnauthorized">;

export interface StreamTransport extends PacketTransport {
  readonly socket: Socket;
  readonly sendBytes: (bytes: Uint8Array) => Promise<void>;
  /** Gets what comes behind a ConnectionBind's success, as it is. */
  onBytes(receiver: (bytes: Buffer) => void): void;
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>;
}

/** Rejects with the system's error, or TLS's. */
export async function openStreamTransport(options: StreamTransportOptions): Promise<StreamTransport> {
  const socket = await openSocket(options);
  let receive: (bytes: Uint8Array) => void = () => undefined;
  let receiveBytes: (bytes: Buffer) => void = () => undefined;
  let isRelayed = false;
  let waiting: Buffer = Buffer.alloc(0);
  socket.on("data", (segment: Buffer) => {
    waiting = Buffer.concat([waiting, segment]);
    for (let frame = takeFrame(); frame !== undefined; frame = takeFrame()) {
      isRelayed = frame.readUInt16BE(0) === CONNECTION_BIND_SUCCESS;
      // Each direction ends by itself now.
      socket.allowHalfOpen = isRelayed;
      receive(frame);
    }
    if (isRelayed) receiveBytes(waiting);
    if (isRelayed) waiting = Buffer.alloc(0);
  });

  function takeFrame(): Buffer | undefined {
    if (waiting.length < 4 || isRelayed) return undefined;
    const isChannelData = (waiting[0] as number) >= 0x40;
    const end = waiting.readUInt16BE(2) + (isChannelData ? 4 : 20);
    const padded = Math.ceil(end / 4) * 4;
    if (waiting.length < padded) return undefined;
    const frame = waiting.subarray(0, end);
    waiting = waiting.subarray(padded);
    return frame;
  }

  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const sendBytes = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  return {
    socket,
    closed,
    sendBytes,
    local: withPort(options.from, socket.localPort ?? 0),
    send: (bytes) => sendBytes(padChannelData(bytes)),
    onPacket(receiver) {
      receive = receiver;
    },
    onBytes(receiver) {
      receiveBytes = receiver;
    },
    close() {
      socket.destroy();
      return closed;
    },
  };
}

function openSocket(options: StreamTransportOptions): Promise<Socket> {
  const { server, from, ca, alpn } = options;
  const tls = options.tls ?? (ca === undefined ? undefined : { ca, servername: "localhost" });
  const host = formatIp(server);
  return new Promise((resolve, reject) => {
    const raw = connect({ host, port: server.port, localAddress: formatIp(from) });
    const socket =
      tls === undefined
        ? raw
        : connectTls({ socket: raw, host, ...tls, ...(alpn && { ALPNProtocols: [...alpn] }) });
    raw.once("error", reject);
    socket.once("error", reject);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      raw.off("error", reject);
      socket.off("error", reject);
      for (const one of [raw, socket]) one.on("error", ignoreSocketError);
      resolve(socket);
    });
  });
}

/** RFC 8656 section 12.5. */
function padChannelData(bytes: Uint8Array): Uint8Array {
  const first = bytes[0] ?? 0;
  if (first < 0x40 || first > 0x7f || bytes.length % 4 === 0) return bytes;
  return Buffer.concat([bytes, new Uint8Array(4 - (bytes.length % 4))]);
}

/** The other end may cut the connection: "close" follows. */
function ignoreSocketError(): void {}
