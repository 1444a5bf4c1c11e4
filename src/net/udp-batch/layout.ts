/**
 * Sizes, offsets and numbers of Linux, the same on x64 and arm64 but for `epoll_event`; in bytes. The compilers of glibc and musl are
 * asked about each of them (test/e2e/struct-layouts.test.ts).
 */

import { arch } from "node:process";

export const IOVEC = { size: 16, base: 0, length: 8 } as const;

export const MMSGHDR = {
  size: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const;

/** Packed on x64. */
export function epollEventOf(processor: string): { readonly size: number; readonly data: number } {
  return processor === "x64" ? { size: 12, data: 4 } : { size: 16, data: 8 };
}

export const EPOLL_EVENT = epollEventOf(arch);

export const SOCKADDR = {
  /** Room for either. */
  slot: 32,
  ipv4: 16,
  ipv6: 28,
  family: 0,
  port: 2,
  ipv4Address: 4,
  ipv6Address: 8,
} as const;

/** A control message with UDP_SEGMENT in it: the size of each datagram. */
export const SEGMENT_CONTROL = { slot: 32, space: 24, length: 18, level: 8, type: 12, data: 16 } as const;

/** A control message's head. */
export const CMSGHDR = { size: 16, length: 0, level: 8, type: 12, data: 16 } as const;

/** `sock_extended_err`: what the error queue of a socket tells beside the address of the packet. */
export const EXTENDED_ERROR = { size: 16, errno: 0, origin: 4, type: 5, code: 6, info: 8 } as const;
export const SO_EE_ORIGIN_LOCAL = 1;
export const SO_EE_ORIGIN_ICMP = 2;
export const SO_EE_ORIGIN_ICMP6 = 3;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const IPPROTO_IP = 0;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_OMIT = 5;
export const IPPROTO_IPV6 = 41;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_PMTUDISC_WANT = 1;
export const IPV6_PMTUDISC_DO = 2;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
export const EPOLL_CLOEXEC = 0x80000;
export const EPOLL_CTL_ADD = 1;
export const EPOLLIN = 1;
/** Told of every descriptor, asked for or not. */
export const EPOLLERR = 8;
/** Told of once, not as long as it lasts. */
export const EPOLLET = 0x8000_0000;
export const EFD_NONBLOCK_CLOEXEC = 0x80800;
/** Node's constants have neither of these. */
export const ENONET = 64;
export const EHOSTDOWN = 112;
