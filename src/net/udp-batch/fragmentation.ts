/**
 * Whether the datagrams of a relay socket may be cut in pieces on their way (RFC 8656 section 14). Over IPv4 they may: DF is 0, as for
 * one who cannot see the DF bit of what came in, and a forged "fragmentation needed" changes nothing. Over IPv6 only the sender cuts, to
 * what the path is known to carry. With DONT-FRAGMENT neither: what is larger than the path is known to carry is EMSGSIZE.
 */

import type { IpFamily } from "../../stun/address.ts";
import type { Arena } from "./arena.ts";
import {
  AF_INET,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MTU_DISCOVER,
  IPV6_PMTUDISC_DO,
  IPV6_PMTUDISC_WANT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from "./layout.ts";
import type { Libc } from "./libc.ts";

/** False where the system does not do it. */
export function allowFragments(libc: Libc, arena: Arena, descriptor: number, family: IpFamily): boolean {
  return family === 4
    ? setOption(libc, arena, descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
    : setOption(libc, arena, descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT);
}

/** False where the system does not do it. */
export function forbidFragments(libc: Libc, arena: Arena, descriptor: number, family: IpFamily): boolean {
  return family === 4
    ? setOption(libc, arena, descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    : setOption(libc, arena, descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
}

/** Whether this system does it at all; some that only look like Linux do not. */
export function canForbidFragments(libc: Libc, arena: Arena): boolean {
  const descriptor = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const can = forbidFragments(libc, arena, descriptor, 4);
  libc.close(descriptor);
  return can;
}

function setOption(
  libc: Libc,
  arena: Arena,
  descriptor: number,
  level: number,
  option: number,
  value: number,
): boolean {
  return libc.setsockopt(descriptor, level, option, arena.option(value), 4) === 0;
}
