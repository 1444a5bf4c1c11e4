/** One bound `dgram` socket, without the DNS look-up that `dgram` does per send. */

import { createSocket, type Socket } from "node:dgram";
import type { IpAddress } from "../stun/address.ts";
import { formatIp } from "../stun/address.ts";

/** Asked of the kernel, which may give less (net.core.rmem_max): a burst must fit while JavaScript is busy. */
export const LISTENER_BUFFER_BYTES = 4 * 1024 * 1024;

/** What one socket may keep behind a full kernel buffer: about one datagram of the largest size. */
const MAX_QUEUED_BYTES = 64 * 1024;

type DgramLookup = (
  address: string,
  family: number,
  callback: (error: Error | null, address: string, family: number) => void,
) => void;

/** Every destination is an IP address already. */
const noLookup: DgramLookup = (address, family, callback) => callback(null, address, family);

export interface BindOptions {
  /** Of the kernel's buffers. */
  readonly bufferBytes?: number;
  /** SO_REUSEADDR: only for the sockets of one listener, each on an address of its own. It would hand out a relay port twice. */
  readonly shared?: boolean;
}

/**
 * Binds a UDP socket. Rejects with Node's error (`code` EADDRINUSE,
 * EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE). Errors of single sends do not surface: UDP promises nothing, and the peer's
 * ICMP must not end us.
 */
export function bindDgramSocket(
  ip: IpAddress,
  port: number,
  { bufferBytes, shared = false }: BindOptions = {},
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: ip.family === 4 ? "udp4" : "udp6",
      ipv6Only: ip.family === 6,
      reuseAddr: shared,
      lookup: noLookup as never,
      ...(bufferBytes !== undefined && { recvBufferSize: bufferBytes, sendBufferSize: bufferBytes }),
    });
    function socketOnBindError(error: Error): void {
      closeQuietly(socket);
      reject(error);
    }
    socket.once("error", socketOnBindError);
    socket.bind({ address: formatIp(ip), port, exclusive: true }, () => {
      socket.off("error", socketOnBindError);
      socket.on("error", ignoreSendError);
      resolve(socket);
    });
  });
}

/** A socket that takes bursts. */
export function bindListenerSocket(ip: IpAddress, port: number, shared = false): Promise<Socket> {
  return bindDgramSocket(ip, port, { bufferBytes: LISTENER_BUFFER_BYTES, shared });
}

export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

/**
 * Sends buffer[offset, offset + length), or drops it where the kernel takes nothing now: Node would keep it, without a bound. The
 * kernel holds back, seconds long, what waits for a neighbour that does not answer.
 */
export function sendOrDrop(
  socket: Socket,
  buffer: Uint8Array,
  offset: number,
  length: number,
  port: number,
  ip: string,
): void {
  if (socket.getSendQueueSize() > MAX_QUEUED_BYTES) return;
  socket.send(buffer, offset, length, port, ip);
}

function ignoreSendError(): void {}

/** A socket whose bind failed may be closed already. */
function closeQuietly(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // ERR_SOCKET_DGRAM_NOT_RUNNING: nothing is left to close.
  }
}
