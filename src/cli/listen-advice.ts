/** Why a port could not be opened, and what to do about it: one line each. */

import type { ListenFailure } from "../server.ts";

const FLAGS: Record<ListenFailure["what"], string> = {
  http: "--http-port",
  tls: "--tls-port",
  turn: "--turn-port",
  admin: "--admin-port",
  relay: "--relay-ports",
};

/** What has an advice of its own is told of once for all addresses. */
const ADVISED: ReadonlySet<string> = new Set(["EADDRINUSE", "EACCES", "EADDRNOTAVAIL"]);

/** A port that fails on every address in the same way is told of once. */
export function describeFailures(failures: readonly ListenFailure[], execPath = process.execPath): string[] {
  const lines = new Map<string, { failure: ListenFailure; addresses: string[] }>();
  for (const failure of failures) {
    const key = `${failure.what} ${failure.port} ${ADVISED.has(failure.code) ? failure.code : failure.message}`;
    const line = lines.get(key) ?? { failure, addresses: [] };
    line.addresses.push(failure.address);
    lines.set(key, line);
  }
  return [...lines.values()].map(({ failure, addresses }) => describe(failure, addresses, execPath));
}

function describe(failure: ListenFailure, addresses: readonly string[], execPath: string): string {
  const { what, port, code, message } = failure;
  const where = `${FLAGS[what]} ${port}`;
  const on = addresses.join(" and ");
  switch (code) {
    case "EADDRINUSE":
      return `${where}: the port is in use on ${on}; end what listens there, or choose another port`;
    case "EACCES":
      return `${where}: ports below 1024 need a right that this user has not; give it to Node once: sudo setcap 'cap_net_bind_service=+ep' ${execPath}`;
    case "EADDRNOTAVAIL":
      return `${where}: ${on} is no address of this machine; ${what === "admin" ? "--admin-host takes one that is" : "--host takes those that are"}`;
    default:
      return `${where}: ${message}`;
  }
}
