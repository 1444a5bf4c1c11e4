/** The kinds of values that settings have: text as people write it in, parsed values out, one plain sentence when it is wrong. */

import { z } from "zod";
import { cidrContains, type IpAddress, networks, parseCidr, parseIp, sameIp } from "../stun/address.ts";

/** A string that `parse` understands; undefined from it is the error `message`. */
export function text<T>(parse: (text: string) => T | undefined, message: string) {
  return z.string({ error: message }).transform((value, context): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  });
}

export function whole(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.int({ error: message }).min(min, message).max(max, message);
}

export function list<S extends z.ZodType>(item: S) {
  return z.array(item, { error: "must be a list" });
}

export function toggle() {
  return z.boolean({ error: "must be true or false" });
}

export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `must be one of ${words.join(", ")}` });
}

/** Characters that a person can see, and no space at either end. */
export function words(maxBytes: number) {
  const readable = (value: string) =>
    value !== "" && Buffer.byteLength(value) <= maxBytes && value.trim() === value && !/\p{Cc}/u.test(value);
  return text((value) => (readable(value) ? value : undefined), `must be text of 1 to ${maxBytes} bytes`);
}

export const port = () => whole(0, 65_535);

export const ip = () => text(parseIp, "must be an IPv4 or IPv6 address");

/** What no packet from elsewhere can have as its destination. */
const NEVER_EXTERNAL = networks(
  "0.0.0.0/8",
  "224.0.0.0/4",
  "255.255.255.255",
  "::",
  "::ffff:0:0/96",
  "ff00::/8",
);

/** An address that relayed addresses may be given out with. */
export const externalIp = () =>
  ip().refine(
    (one) => !NEVER_EXTERNAL.some((network) => cidrContains(network, one)),
    "must be an address that clients can send to, not an unspecified, IPv4-mapped, multicast or broadcast one",
  );

/** False for what is a PEM file's content itself, as text or in base64: it may be a key, and errors show paths. */
export function isFilePath(value: string): boolean {
  return value !== "" && !/-----BEGIN|LS0tLS1CRUdJTi|[\r\n]/.test(value);
}

export const cidr = () => text(parseCidr, "must be a network like 10.0.0.0/8 or fd00::/8, or one address");

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

export const portRange = () =>
  text(parsePortRange, "must be a range of ports like 49152-65535, from 1 to 65535");

function parsePortRange(value: string): PortRange | undefined {
  const [, from, to] = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(value) ?? [];
  const [min, max] = [Number(from), Number(to)];
  return min >= 1 && min <= max && max <= 65_535 ? { min, max } : undefined;
}

const HOST_NAME = /^(?=.{1,253}$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/;

/** A name or an address, as it stands in a URL, but without brackets. */
export const host = () =>
  text((value) => {
    const looksLikeIpv4 = /^[0-9.]+$/.test(value);
    if (parseIp(value) !== undefined) return value;
    return HOST_NAME.test(value) && !looksLikeIpv4 ? value.toLowerCase() : undefined;
  }, "must be a host name or an IP address, without scheme and port");

/** As browsers send it in the Origin header. */
export const origin = () =>
  text((value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    return isOrigin ? url.origin : undefined;
  }, "must be an origin like https://app.example, without a path");

const TURN_URL =
  /^(stuns?|turns?):(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(\?transport=(?:udp|tcp))?$/;

/** As `RTCIceServer.urls` takes it (RFC 7064, RFC 7065). */
export const turnUrl = () =>
  text((value) => {
    const [, scheme = "", host = "", port, transport] = TURN_URL.exec(value) ?? [];
    if (host === "" || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) return undefined;
    return scheme.startsWith("stun") && transport !== undefined ? undefined : value;
  }, "must be a URL like turn:turn.example.com:3478?transport=udp, turns:turn.example.com:443 or stun:…");

/** May hold a password. */
export const redisUrl = () =>
  text(
    (value) =>
      /^rediss?:$/.test(urlOf(value)?.protocol ?? "") && urlOf(value)?.hostname ? value : undefined,
    "must be a URL like redis://redis.example:6379 or rediss://:PASSWORD@redis.example:6380",
  );

/** Of a WebSocket. */
export const signalUrl = () =>
  text(
    (value) => (/^wss?:$/.test(urlOf(value)?.protocol ?? "") ? value : undefined),
    "must be a URL like wss://node1.example.com/signal",
  );

function urlOf(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

/** Fails where two addresses of one family are given. */
export function onePerFamily(ips: readonly IpAddress[]): boolean {
  return new Set(ips.map(({ family }) => family)).size === ips.length;
}

export function allDifferent(ips: readonly IpAddress[]): boolean {
  return ips.every((one, index) => ips.findIndex((other) => sameIp(one, other)) === index);
}

const NAME_MESSAGE = "must be text without a colon";
const PASSWORD_MESSAGE = "must be text, and not empty";
const USER_MESSAGE = "must be NAME:PASSWORD, neither of them empty, the name without a colon";

/** "NAME:PASSWORD", or the two by name. */
export const user = () =>
  z.union(
    [
      text((value) => {
        const colon = value.indexOf(":");
        return colon > 0 && colon < value.length - 1
          ? { name: value.slice(0, colon), password: value.slice(colon + 1) }
          : undefined;
      }, USER_MESSAGE),
      z.strictObject({
        name: z.string(NAME_MESSAGE).regex(/^[^:]+$/, NAME_MESSAGE),
        password: z.string(PASSWORD_MESSAGE).min(1, PASSWORD_MESSAGE),
      }),
    ],
    { error: USER_MESSAGE },
  );

/** True where every user has a name of its own. */
export function namesDiffer(users: readonly { readonly name: string }[]): boolean {
  return new Set(users.map(({ name }) => name)).size === users.length;
}

export const secret = () =>
  text((value) => (value.trim() === "" ? undefined : value), "must be text, and not empty");
