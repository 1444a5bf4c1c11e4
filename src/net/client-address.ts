/** Who is at the other end of an HTTP request, with trusted proxies taken out of the way. */

import type { IncomingHttpHeaders } from "node:http";
import { type Cidr, cidrContains, formatIp, type IpAddress, parseIp, unmapIpv4 } from "../stun/address.ts";

/** What a request shows; a seam, so that the rules are tested without a socket. */
export interface RequestFacts {
  /** As a socket gives it, or a PROXY header; undefined once the socket is gone. */
  readonly remoteAddress: string | undefined;
  readonly localAddress: () => string | undefined;
  readonly encrypted: boolean;
  readonly headers: IncomingHttpHeaders;
}

export interface Client {
  readonly ip: IpAddress;
  /** The name or address that the client used to reach us, without port; an IPv6 address without brackets. */
  readonly host: string;
  /** Over https or wss, as far as the outermost trusted proxy says. */
  readonly secure: boolean;
  /** Of the pages that this client gets from here, as a browser writes it; undefined without a readable Host header. */
  readonly ownOrigin: () => string | undefined;
}

const HOST_HEADER = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?$/;
const IPV4_WITH_PORT = /^([0-9.]{7,15}):\d{1,5}$/;
const IPV6_IN_BRACKETS = /^\[([0-9a-fA-F:.]{2,45})\](?::\d{1,5})?$/;

/**
 * The client behind a request. Headers are believed only when the connection itself, or the one that a PROXY header names, comes
 * from a trusted proxy: X-Forwarded-For is read from the right, and the first address that is no trusted proxy is the client.
 * Undefined when the socket is gone.
 */
export function identifyClient(request: RequestFacts, trustedProxies: readonly Cidr[]): Client | undefined {
  const remote = readSocketAddress(request.remoteAddress);
  if (remote === undefined) return undefined;
  if (!isTrusted(remote, trustedProxies)) {
    return describeClient(request, remote, request.headers.host, request.encrypted);
  }
  const { ip, hops } = walkForwardedFor(remote, request.headers["x-forwarded-for"], trustedProxies);
  const proto = valueOfHop(request.headers["x-forwarded-proto"], hops)?.toLowerCase();
  const host = valueOfHop(request.headers["x-forwarded-host"], hops) ?? request.headers.host;
  const secure = proto === undefined ? request.encrypted : proto === "https" || proto === "wss";
  return describeClient(request, ip, host, secure);
}

function describeClient(
  request: RequestFacts,
  ip: IpAddress,
  header: string | undefined,
  secure: boolean,
): Client {
  const ownOrigin = () => readOrigin(header, secure);
  return { ip, host: readHost(request, header), secure, ownOrigin };
}

/** What limits per address count: an IPv4 address, or the /64 that one IPv6 customer holds. */
export function limitKey(ip: IpAddress): string {
  return ip.family === 4 ? formatIp(ip) : `${ip.w0.toString(16)}:${ip.w1.toString(16)}::/64`;
}

/** Reads `socket.remoteAddress`: without zone, IPv4 out of its IPv6 mapping. */
export function readSocketAddress(text: string | undefined): IpAddress | undefined {
  if (text === undefined) return undefined;
  const zone = text.indexOf("%");
  const ip = parseIp(zone < 0 ? text : text.slice(0, zone));
  return ip === undefined ? undefined : unmapIpv4(ip);
}

export function isTrusted(ip: IpAddress, trustedProxies: readonly Cidr[]): boolean {
  return trustedProxies.some((cidr) => cidrContains(cidr, ip));
}

/** `hops`: how many trusted proxies stand between us and the client. */
function walkForwardedFor(
  remote: IpAddress,
  header: string | string[] | undefined,
  trustedProxies: readonly Cidr[],
): { ip: IpAddress; hops: number } {
  const entries = splitList(header);
  let ip = remote;
  let hops = 0;
  while (isTrusted(ip, trustedProxies)) {
    const entry = entries[entries.length - 1 - hops];
    const next = entry === undefined ? undefined : readForwardedAddress(entry);
    // A proxy that passes on what is no address hides who sent it: the proxy itself is then all that we know.
    if (next === undefined) break;
    ip = next;
    hops++;
  }
  return { ip, hops };
}

/** The value that the outermost trusted proxy wrote; proxies that overwrite leave one value only. */
function valueOfHop(header: string | string[] | undefined, hops: number): string | undefined {
  const values = splitList(header);
  return values[Math.max(0, values.length - Math.max(1, hops))];
}

function splitList(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  const text = Array.isArray(header) ? header.join(",") : header;
  return text.split(",").map((value) => value.trim());
}

/** An entry of X-Forwarded-For: an address, as some proxies write it with a port. */
function readForwardedAddress(entry: string): IpAddress | undefined {
  const bare = IPV4_WITH_PORT.exec(entry)?.[1] ?? IPV6_IN_BRACKETS.exec(entry)?.[1] ?? entry;
  return readSocketAddress(bare);
}

/** Without the port where it is the scheme's own, as browsers leave it out. */
function readOrigin(header: string | undefined, secure: boolean): string | undefined {
  if (header === undefined || !HOST_HEADER.test(header)) return undefined;
  const url = `${secure ? "https" : "http"}://${header}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** The name in a Host header, or the address that the client reached when the header is no name. */
function readHost(request: RequestFacts, header: string | undefined): string {
  const match = header === undefined ? null : HOST_HEADER.exec(header);
  const bracketed = match?.[1];
  if (bracketed !== undefined && parseIp(bracketed) !== undefined) return bracketed.toLowerCase();
  const name = match?.[2];
  if (name !== undefined) return name.toLowerCase();
  const local = readSocketAddress(request.localAddress());
  return local === undefined ? "localhost" : formatIp(local);
}
