/** Listening on every configured address, with every failure told at once. */

import { formatIp, type IpAddress, type IpFamily, type TransportAddress, urlHost } from "../stun/address.ts";

/** Where one port listens; `address` is an IP address in text. */
export interface ListenAddress {
  readonly address: string;
  readonly family: IpFamily;
  readonly port: number;
}

export type ListenPurpose = "http" | "tls" | "turn" | "admin";

export interface ListenFailure extends ListenAddress {
  /** "relay": the range of relayed addresses. */
  readonly what: ListenPurpose | "relay";
  /** The system's: EADDRINUSE, EACCES, EADDRNOTAVAIL …; or of the TLS files: ENOENT, ERR_OSSL_… */
  readonly code: string;
  readonly message: string;
}

/** One or more ports could not be opened; nothing is left open. */
export class ListenError extends Error {
  readonly code = "ERR_TURNPIKE_LISTEN";
  readonly failures: readonly ListenFailure[];

  constructor(failures: readonly ListenFailure[]) {
    super(failures.map(describeFailure).join("\n"));
    this.name = "ListenError";
    this.failures = failures;
  }
}

function describeFailure(failure: ListenFailure): string {
  return `${failure.what} ${urlHost(failure.address)}:${failure.port}: ${failure.message}`;
}

/** An open port. */
export interface Listener {
  readonly address: TransportAddress;
  close(): Promise<void>;
}

export interface ListenRequest {
  readonly what: ListenPurpose;
  readonly hosts: readonly IpAddress[];
  /** Leave out an address family that this machine does not have, as long as one host remains. */
  readonly skipMissingFamily: boolean;
  /** 0 picks a free port, the same one for every host. */
  readonly port: number;
  open(ip: IpAddress, port: number): Promise<Listener>;
}

export interface ListenResult {
  readonly listeners: readonly Listener[];
  /** Not empty: the start must fail, and the caller closes `listeners`. */
  readonly failures: readonly ListenFailure[];
}

const MISSING_FAMILY_CODES = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);
/** A port that is free on one host may be taken on the next: how often another one is tried. */
const FREE_PORT_ATTEMPTS = 10;

/** Opens the port on every host. Never rejects. */
export async function listenOnAll(request: ListenRequest): Promise<ListenResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await tryHosts(request);
    const retry = request.port === 0 && attempt < FREE_PORT_ATTEMPTS && result.failures.some(isPortInUse);
    if (!retry) return result;
    await closeListeners(result.listeners);
  }
}

async function tryHosts(request: ListenRequest): Promise<ListenResult> {
  const listeners: Listener[] = [];
  const failures: ListenFailure[] = [];
  const missing: ListenFailure[] = [];
  let port = request.port;
  for (const ip of request.hosts) {
    try {
      const listener = await request.open(ip, port);
      listeners.push(listener);
      port = listener.address.port;
    } catch (error) {
      const failure = toFailure(request.what, ip, port, error);
      const skip = request.skipMissingFamily && MISSING_FAMILY_CODES.has(failure.code);
      (skip ? missing : failures).push(failure);
    }
  }
  if (listeners.length === 0 && failures.length === 0) failures.push(...missing);
  return { listeners, failures };
}

function isPortInUse(failure: ListenFailure): boolean {
  return failure.code === "EADDRINUSE";
}

export function toFailure(
  what: ListenFailure["what"],
  ip: IpAddress,
  port: number,
  error: unknown,
): ListenFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
  const message = error instanceof Error ? error.message : String(error);
  return { what, code, message, address: formatIp(ip), family: ip.family, port };
}

export async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}

export function toListenAddress(address: TransportAddress): ListenAddress {
  return { address: formatIp(address), family: address.family, port: address.port };
}
