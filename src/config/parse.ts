/** From what people wrote to a `Config`, or to one error that lists all that is wrong. */

import { randomBytes } from "node:crypto";
import type { z } from "zod";
import {
  type IpAddress,
  ipv4FromWord,
  ipv6FromWords,
  isLoopback,
  isUnspecified,
  parseIp,
  sameIp,
} from "../stun/address.ts";
import { closestTo } from "./closest.ts";
import type { Config } from "./config.ts";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { type ConfigInput, type ParsedInput, SETTINGS, schema } from "./schema.ts";

type Path = readonly PropertyKey[];

/** Names the place where the value at a path was written, as an error shows it. */
export type Locate = (path: Path) => string;

const EVERY_ADDRESS: readonly IpAddress[] = [ipv4FromWord(0), ipv6FromWords(0, 0, 0, 0)];
const ALLOCATIONS_PER_PEER = 12;
const RANDOM_SECRET_BYTES = 32;
const LONGEST_VALUE_SHOWN = 60;

/** Throws `ConfigError`. */
export function parseConfig(input: ConfigInput, locate: Locate = formatPath): Config {
  const result = schema.safeParse(input);
  const issues = [
    ...(result.error?.issues.flatMap((issue) => describeIssue(issue, input, locate)) ?? []),
    ...crossCheck(input, locate),
  ];
  if (!result.success || issues.length > 0) throw new ConfigError(issues);
  return toConfig(result.data);
}

function toConfig(parsed: ParsedInput): Config {
  const { hosts, tlsPort, tlsCert, tlsKey, secrets, limits, ...rest } = parsed;
  const hasTls = tlsPort !== undefined && tlsCert !== undefined && tlsKey !== undefined;
  return {
    ...rest,
    hosts: hosts ?? EVERY_ADDRESS,
    hostsAreDefault: hosts === undefined,
    tls: hasTls ? { port: tlsPort, certFile: tlsCert, keyFile: tlsKey } : undefined,
    publicHost: parsed.publicHost,
    redis: parsed.redis,
    nodeUrl: parsed.nodeUrl,
    workers: parsed.workers,
    secrets: secrets.length > 0 ? secrets : [randomBytes(RANDOM_SECRET_BYTES).toString("base64url")],
    secretIsRandom: secrets.length === 0,
    clearOnLeave: parsed.clearOnLeave ?? parsed.roomSize === 2,
    limits: {
      ...limits,
      maxAllocationsPerMember: limits.maxAllocationsPerMember ?? ALLOCATIONS_PER_PEER * (parsed.roomSize - 1),
    },
  };
}

/** "hosts[0]", "limits.maxRooms". */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? String(step) : `${text}.${String(step)}`;
  }, "");
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown, locate: Locate): ConfigIssue[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey([...issue.path, key], locate));
  }
  const shown = shownValue(issue.path, input);
  const where = issue.path.length === 0 ? "configuration" : locate(issue.path);
  return [{ path: formatPath(issue.path), where: where + shown, message: issue.message }];
}

function unknownKey(path: Path, locate: Locate): ConfigIssue {
  const key = formatPath(path);
  const meant = closestTo(
    key,
    SETTINGS.map((one) => one.key),
  );
  return {
    path: key,
    where: locate(path),
    message: meant === undefined ? "is no setting" : `is no setting; did you mean ${meant}?`,
  };
}

/** The wrong value where it is short and no secret, with a space before it. */
function shownValue(path: Path, input: unknown): string {
  const isSecret = SETTINGS.some((one) => one.secret && one.path.every((step, i) => step === path[i]));
  if (isSecret) return "";
  const value = path.reduce<unknown>(
    (object, step) => (object as Record<PropertyKey, unknown>)?.[step],
    input,
  );
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return "";
  const text = String(value);
  return text.length > LONGEST_VALUE_SHOWN ? "" : ` ${JSON.stringify(value)}`;
}

const TLS_KEYS = ["tlsPort", "tlsCert", "tlsKey"] as const;
/** In pairs that cannot have one number; `turnPort` may be that of HTTP or TLS, which serve TURN too. */
const OTHER_PORTS = [
  ["tlsPort", "httpPort"],
  ["adminPort", "httpPort"],
  ["adminPort", "tlsPort"],
  ["adminPort", "turnPort"],
] as const;

/** Rules between settings, told beside what is wrong with each of them. */
function crossCheck(input: ConfigInput, locate: Locate): ConfigIssue[] {
  if (typeof input !== "object" || input === null) return [];
  const issues: ConfigIssue[] = [];
  const add = (key: string, message: string) => issues.push({ path: key, where: locate([key]), message });
  const given = TLS_KEYS.filter((key) => input[key] !== undefined);
  if (given.length > 0) {
    for (const key of TLS_KEYS.filter((one) => !given.includes(one))) {
      add(key, "is missing; TLS needs a port, a certificate and a key");
    }
  }
  const told = new Set<string>();
  for (const [key, other] of OTHER_PORTS) {
    const port = portOf(input, key);
    // 0 is a free port, another one each time; what is no number is told of elsewhere.
    const isSame = typeof port === "number" && port !== 0 && portOf(input, other) === port;
    if (isSame && !told.has(key)) add(key, `is the same port as ${other}`);
    if (isSame) told.add(key);
  }
  if (isNotEmpty(input.turnUrls) && !isNotEmpty(input.secrets))
    add(
      "secrets",
      "is missing; the servers of turnUrls take credentials that are signed with a secret they share",
    );
  if (input.redis !== undefined && !isNotEmpty(input.secrets))
    add(
      "secrets",
      "is missing; nodes that share rooms take each other's credentials, and need one secret for it",
    );
  return [...issues, ...loopbackOutside(input, locate), ...discoveryIssues(input, locate)];
}

/** Loopback as the external address reaches nobody: only a machine that tries itself may have it. */
function loopbackOutside({ externalIps, dev }: ConfigInput, locate: Locate): ConfigIssue[] {
  if (dev === true || !Array.isArray(externalIps)) return [];
  return externalIps.flatMap((value, index) => {
    const ip = typeof value === "string" ? parseIp(value) : undefined;
    if (ip === undefined || !isLoopback(ip)) return [];
    const path = ["externalIps", index];
    const message = "is loopback, which only this machine can reach; that is for --dev";
    return [{ path: formatPath(path), where: `${locate(path)} ${JSON.stringify(value)}`, message }];
  });
}

/** NAT behaviour discovery needs two addresses that clients can tell apart, and reach as they are. */
function discoveryIssues(input: ConfigInput, locate: Locate): ConfigIssue[] {
  const { alternateIps, alternatePort, externalIps, hosts, turnPort } = input;
  const ips = Array.isArray(alternateIps) ? alternateIps : [];
  if (ips.length === 0) return [];
  const issue = (key: string, message: string) => [{ path: key, where: locate([key]), message }];
  const issues: ConfigIssue[] = [];
  const port = alternatePort ?? defaultOf("alternatePort");
  if (port !== 0 && port === (turnPort ?? defaultOf("turnPort")))
    issues.push(...issue("alternatePort", "is the same port as turnPort"));
  if (Array.isArray(externalIps) && externalIps.length > 0)
    issues.push(
      ...issue(
        "alternateIps",
        "do not go together with externalIps: clients must reach both addresses as they are",
      ),
    );
  const named = (Array.isArray(hosts) ? hosts : []).flatMap((host) => parsedIp(host) ?? []);
  for (const ip of ips.flatMap((text) => parsedIp(text) ?? [])) {
    if (named.some((host) => sameIp(host, ip)))
      issues.push(...issue("alternateIps", "must be no address of hosts"));
    else if (!named.some((host) => host.family === ip.family && !isUnspecified(host)))
      issues.push(
        ...issue("alternateIps", `need an IPv${ip.family} address in hosts, which NAT discovery starts from`),
      );
  }
  return issues;
}

function isNotEmpty(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

function parsedIp(value: unknown): IpAddress | undefined {
  return typeof value === "string" ? parseIp(value) : undefined;
}

function defaultOf(key: string): unknown {
  return SETTINGS.find((one) => one.key === key)?.default;
}

function portOf(input: ConfigInput, key: (typeof OTHER_PORTS)[number][number]): unknown {
  return input[key] ?? defaultOf(key);
}
