/** One UDP socket of the engine: a descriptor, and who hears what it receives. */

import { type IpFamily, type TransportAddress, withPort } from "../../stun/address.ts";
import type { IcmpReceiver } from "../../turn/ports.ts";
import type { Arena } from "./arena.ts";
import { allowFragments } from "./fragmentation.ts";
import {
  AF_INET,
  AF_INET6,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCKADDR,
  SOL_SOCKET,
} from "./layout.ts";
import type { Libc } from "./libc.ts";
import { errorName } from "./send-errors.ts";

/** The packet of a slot: arena[start, end). */
export type PacketReceiver = (slot: number, start: number, end: number) => void;

export interface BatchSocketOptions {
  /** Of the kernel's buffers. */
  readonly bufferBytes?: number;
  /** SO_REUSEPORT: for the sockets of several threads on one port, and those of one listener on an address each. */
  readonly reusePort?: boolean;
  /** SO_REUSEADDR: only for the sockets of one listener, each on an address of its own. It would hand out a relay port twice. */
  readonly shared?: boolean;
  /** Its datagrams may be cut in pieces on their way, unless one asks that it is not (fragmentation.ts). */
  readonly isRelay?: boolean;
  /** Hears of ICMP errors about what it has sent. */
  readonly onIcmp?: IcmpReceiver;
}

/** What few sockets have is no object of its own in the others. */
const NONE: TransportAddress[] = [];
const ignore = () => undefined;

export class BatchSocket {
  readonly descriptor: number;
  readonly address: TransportAddress;
  readonly receiver: PacketReceiver;
  readonly onIcmp: IcmpReceiver | undefined;
  /** The place in the engine's table. */
  index = -1;
  /** False: its descriptor stands for nothing any more, or for something else. */
  isOpen = true;
  /** The thread that reads it. */
  thread = 0;
  /** Of SOCKET_KIND. */
  kind = 0;
  /** How many packets it is asked for at once: what is asked for in vain costs the system a look. */
  patience = 1;
  lastReadMs = Number.NEGATIVE_INFINITY;
  /** Datagrams of one size to one destination may go out as one. */
  mayJoin = true;
  /** What is being sent is not cut in pieces on its way. */
  forbidsFragments = false;
  /** Where packets went that were larger than the path is known to carry, until the error queue has told of them. */
  tooLarge: TransportAddress[] = NONE;

  private constructor(
    descriptor: number,
    address: TransportAddress,
    receiver: PacketReceiver,
    onIcmp: IcmpReceiver | undefined,
  ) {
    this.descriptor = descriptor;
    this.address = address;
    this.receiver = receiver;
    this.onIcmp = onIcmp;
  }

  /** A descriptor that another thread has bound; sent from, or read by `Rounds`. */
  static adopt(descriptor: number, family: IpFamily, index = -1): BatchSocket {
    const address = { family, w0: 0, w1: 0, w2: 0, w3: 0, port: 0 };
    const socket = new BatchSocket(descriptor, address, ignore, undefined);
    socket.index = index;
    return socket;
  }

  /** Port 0 picks a free one. Throws an error with `code` (EADDRINUSE, EACCES, …) as Node's sockets do. */
  static bind(
    libc: Libc,
    arena: Arena,
    wanted: TransportAddress,
    receiver: PacketReceiver,
    { bufferBytes, shared = false, isRelay = false, reusePort = false, onIcmp }: BatchSocketOptions = {},
  ): BatchSocket {
    const family = wanted.family === 4 ? AF_INET : AF_INET6;
    const descriptor = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(libc, "socket");
    try {
      const { offset, address } = arena.spareName;
      function setOption(level: number, option: number, value: number): void {
        libc.setsockopt(descriptor, level, option, arena.option(value), 4);
      }
      if (wanted.family === 6) setOption(IPPROTO_IPV6, IPV6_V6ONLY, 1);
      if (shared) setOption(SOL_SOCKET, SO_REUSEADDR, 1);
      if (reusePort) setOption(SOL_SOCKET, SO_REUSEPORT, 1);
      if (isRelay) allowFragments(libc, arena, descriptor, wanted.family);
      if (onIcmp !== undefined) {
        if (wanted.family === 4) setOption(IPPROTO_IP, IP_RECVERR, 1);
        else setOption(IPPROTO_IPV6, IPV6_RECVERR, 1);
      }
      // The kernel may give less than is asked for.
      if (bufferBytes !== undefined) {
        setOption(SOL_SOCKET, SO_RCVBUF, bufferBytes);
        setOption(SOL_SOCKET, SO_SNDBUF, bufferBytes);
      }
      arena.writeSocketAddress(offset, wanted);
      const length = wanted.family === 4 ? SOCKADDR.ipv4 : SOCKADDR.ipv6;
      if (libc.bind(descriptor, address, length) < 0) throw systemError(libc, "bind");
      const bound = wanted.port === 0 ? withPort(wanted, boundPort(libc, arena, descriptor)) : wanted;
      return new BatchSocket(descriptor, bound, receiver, onIcmp);
    } catch (error) {
      libc.close(descriptor);
      throw error;
    }
  }
}

function boundPort(libc: Libc, arena: Arena, descriptor: number): number {
  const { offset, address } = arena.spareName;
  // The length stands behind the address.
  const lengthAt = offset + SOCKADDR.slot - 4;
  arena.bytes.writeUInt32LE(SOCKADDR.ipv6, lengthAt);
  if (libc.getsockname(descriptor, address, address + SOCKADDR.slot - 4) < 0)
    throw systemError(libc, "getsockname");
  return arena.bytes.readUInt16BE(offset + SOCKADDR.port);
}

function systemError(libc: Libc, call: string): NodeJS.ErrnoException {
  const errno = libc.errno();
  const code = errorName(errno);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: -errno, syscall: call });
}
