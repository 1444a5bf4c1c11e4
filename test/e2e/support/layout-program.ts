/** A C program that compiles where the layouts and numbers of the batched UDP engine are right, and says what is not. */

import * as layout from "../../../src/net/udp-batch/layout.ts";

/** C's name for each field of each structure; what is checked of it is the name's second part. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  IOVEC: {
    size: "sizeof(struct iovec)",
    base: "offsetof(struct iovec, iov_base)",
    length: "offsetof(struct iovec, iov_len)",
  },
  MMSGHDR: {
    size: "sizeof(struct mmsghdr)",
    name: "offsetof(struct mmsghdr, msg_hdr.msg_name)",
    nameLength: "offsetof(struct mmsghdr, msg_hdr.msg_namelen)",
    iov: "offsetof(struct mmsghdr, msg_hdr.msg_iov)",
    iovCount: "offsetof(struct mmsghdr, msg_hdr.msg_iovlen)",
    control: "offsetof(struct mmsghdr, msg_hdr.msg_control)",
    controlLength: "offsetof(struct mmsghdr, msg_hdr.msg_controllen)",
    flags: "offsetof(struct mmsghdr, msg_hdr.msg_flags)",
    length: "offsetof(struct mmsghdr, msg_len)",
  },
  EPOLL_EVENT: { size: "sizeof(struct epoll_event)", data: "offsetof(struct epoll_event, data)" },
  SOCKADDR: {
    ipv4: "sizeof(struct sockaddr_in)",
    ipv6: "sizeof(struct sockaddr_in6)",
    family: "offsetof(struct sockaddr_in, sin_family)",
    port: "offsetof(struct sockaddr_in, sin_port)",
    ipv4Address: "offsetof(struct sockaddr_in, sin_addr)",
    ipv6Address: "offsetof(struct sockaddr_in6, sin6_addr)",
  },
  SEGMENT_CONTROL: {
    space: "CMSG_SPACE(sizeof(uint16_t))",
    length: "CMSG_LEN(sizeof(uint16_t))",
    level: "offsetof(struct cmsghdr, cmsg_level)",
    type: "offsetof(struct cmsghdr, cmsg_type)",
    data: "CMSG_LEN(0)",
  },
  CMSGHDR: {
    size: "sizeof(struct cmsghdr)",
    length: "offsetof(struct cmsghdr, cmsg_len)",
    level: "offsetof(struct cmsghdr, cmsg_level)",
    type: "offsetof(struct cmsghdr, cmsg_type)",
    data: "CMSG_LEN(0)",
  },
  EXTENDED_ERROR: {
    size: "sizeof(struct sock_extended_err)",
    errno: "offsetof(struct sock_extended_err, ee_errno)",
    origin: "offsetof(struct sock_extended_err, ee_origin)",
    type: "offsetof(struct sock_extended_err, ee_type)",
    code: "offsetof(struct sock_extended_err, ee_code)",
    info: "offsetof(struct sock_extended_err, ee_info)",
  },
};
/** Ours alone: room that is left. */
const OURS = new Set(["SOCKADDR.slot", "SEGMENT_CONTROL.slot"]);
const NUMBERS: Readonly<Record<string, string>> = { EFD_NONBLOCK_CLOEXEC: "(EFD_NONBLOCK | EFD_CLOEXEC)" };

/** What is taken for granted besides. */
const GRANTED: readonly (readonly [string, number | string])[] = [
  ["sizeof(void *)", 8],
  ["sizeof(int)", 4],
  ["sizeof(ssize_t)", 8],
  ["__BYTE_ORDER__", "__ORDER_LITTLE_ENDIAN__"],
  ["offsetof(struct epoll_event, events)", 0],
  ["offsetof(struct mmsghdr, msg_hdr)", 0],
  ["offsetof(struct sockaddr_in6, sin6_family)", "offsetof(struct sockaddr_in, sin_family)"],
  ["offsetof(struct sockaddr_in6, sin6_port)", "offsetof(struct sockaddr_in, sin_port)"],
];

/** One assertion for everything that layout.ts exports. Throws for what is not known here. */
export function layoutProgram(processor: string): string {
  const exported = Object.entries({ ...layout, EPOLL_EVENT: layout.epollEventOf(processor) });
  const assertions = exported.flatMap(([name, value]) => {
    if (typeof value === "function") return [];
    return typeof value === "number" ? [[NUMBERS[name] ?? name, value] as const] : fieldsOf(name, value);
  });
  return [
    "#define _GNU_SOURCE",
    ...HEADERS.map((header) => `#include <${header}>`),
    ...[...assertions, ...GRANTED].map(
      ([expression, value]) => `_Static_assert(${expression} == ${value}, "${expression} is not ${value}");`,
    ),
    "",
  ].join("\n");
}

function fieldsOf(name: string, fields: Readonly<Record<string, number>>): (readonly [string, number])[] {
  return Object.entries(fields).flatMap(([field, value]) => {
    if (OURS.has(`${name}.${field}`)) return [];
    const expression = FIELDS[name]?.[field];
    if (expression === undefined) throw new Error(`nothing is known of ${name}.${field}`);
    return [[expression, value] as const];
  });
}

const HEADERS = [
  ...["errno.h", "stddef.h", "stdint.h", "sys/types.h", "sys/socket.h", "sys/uio.h", "sys/epoll.h"],
  ...["sys/eventfd.h", "time.h", "netinet/in.h", "netinet/udp.h", "linux/errqueue.h"],
];
