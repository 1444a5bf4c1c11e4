/** The error queue of a socket (IP_RECVERR): what ICMP messages, and this machine itself, say of the packets that it has sent. */

import { sameIp, type TransportAddress } from "../../stun/address.ts";
import type { IcmpError, IcmpReceiver } from "../../turn/ports.ts";
import { type Arena, ERROR_CONTROL_BYTES } from "./arena.ts";
import type { BatchSocket } from "./batch-socket.ts";
import {
  CMSGHDR,
  EXTENDED_ERROR,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  MMSGHDR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_ICMP6,
  SO_EE_ORIGIN_LOCAL,
  SOCKADDR,
} from "./layout.ts";
import type { Libc } from "./libc.ts";
import { EMSGSIZE } from "./send-errors.ts";

/** In one round, so that no socket keeps the others waiting. */
const MAX_ERRORS = 16;
/** How ICMP says "larger than the next link carries" (RFC 1191 section 4, RFC 4443 section 3.2). */
const TOO_BIG = { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } } as const;

export class ErrorQueue {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #header: number;

  constructor(libc: Libc, arena: Arena) {
    this.#libc = libc;
    this.#arena = arena;
    const { header, name, control } = arena.errorQueue;
    this.#header = arena.addressOf(header, MMSGHDR.size);
    // No place for the packet: what it was is of no interest.
    const pointers = [
      [MMSGHDR.name, arena.addressOf(name, SOCKADDR.slot)],
      [MMSGHDR.control, arena.addressOf(control, ERROR_CONTROL_BYTES)],
    ] as const;
    for (const [field, address] of pointers) arena.bytes.writeBigUInt64LE(BigInt(address), header + field);
  }

  /** Takes what is there out of the queue, some of it where there is much; `told` hears what is of ICMP. Returns how many. */
  drain(socket: BatchSocket, told: IcmpReceiver): number {
    const { bytes, errorQueue } = this.#arena;
    for (let i = 0; i < MAX_ERRORS; i++) {
      bytes.writeUInt32LE(SOCKADDR.ipv6, errorQueue.header + MMSGHDR.nameLength);
      bytes.writeUInt32LE(ERROR_CONTROL_BYTES, errorQueue.header + MMSGHDR.controlLength);
      const flags = MSG_ERRQUEUE | MSG_DONTWAIT;
      if (this.#libc.recvmsg(socket.descriptor, this.#header, flags) < 0) return i;
      const error = this.#read(socket);
      if (error !== undefined) told(error);
    }
    return MAX_ERRORS;
  }

  /** The entry that was taken out last; undefined for one that is not of ICMP. This machine's own word has no port over IPv4. */
  #read(socket: BatchSocket): IcmpError | undefined {
    const { bytes, errorQueue } = this.#arena;
    const { family } = socket.address;
    const { header, name, control } = errorQueue;
    const [level, type] = family === 4 ? [IPPROTO_IP, IP_RECVERR] : [IPPROTO_IPV6, IPV6_RECVERR];
    if (
      bytes.readUInt32LE(header + MMSGHDR.controlLength) < CMSGHDR.size + EXTENDED_ERROR.size ||
      bytes.readInt32LE(control + CMSGHDR.level) !== level ||
      bytes.readInt32LE(control + CMSGHDR.type) !== type
    )
      return undefined;
    const at = control + CMSGHDR.data;
    const target = this.#arena.readSocketAddress(name);
    const mtu = bytes.readUInt32LE(at + EXTENDED_ERROR.info);
    const origin = bytes.readUInt8(at + EXTENDED_ERROR.origin);
    if (origin === SO_EE_ORIGIN_LOCAL)
      return bytes.readUInt32LE(at + EXTENDED_ERROR.errno) === EMSGSIZE
        ? { target, ...TOO_BIG[family], mtu }
        : undefined;
    if (origin !== SO_EE_ORIGIN_ICMP && origin !== SO_EE_ORIGIN_ICMP6) return undefined;
    const icmpType = bytes.readUInt8(at + EXTENDED_ERROR.type);
    return { target, type: icmpType, code: bytes.readUInt8(at + EXTENDED_ERROR.code), mtu };
  }
}

/** Where a packet of this socket went that the machine itself says was too large: these come in the order that the packets had. */
export function withPortOf(socket: BatchSocket, target: TransportAddress): TransportAddress {
  if (target.port !== 0) return target;
  const index = socket.tooLarge.findIndex((sent) => sameIp(sent, target));
  return index < 0 ? target : (socket.tooLarge.splice(index, 1)[0] as TransportAddress);
}
