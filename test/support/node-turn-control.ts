/** node-turn as the control of the conformance rules: real sockets on loopback, a process per server. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { formatIp, type IpAddress, withPort } from "../../src/stun/address.ts";
import { isUdpAddressFree, openUdpEndpoint } from "./udp-endpoint.ts";

const CHILD = fileURLToPath(new URL("node-turn-child.mjs", import.meta.url));
/** A port that was free a moment ago can be taken by somebody else. */
const ATTEMPTS = 3;

export interface NodeTurnOptions {
  readonly listeningIps: readonly IpAddress[];
  readonly relayIps: readonly IpAddress[];
  readonly realm: string;
  readonly credentials: Readonly<Record<string, string>>;
}

export interface NodeTurn {
  readonly port: number;
  readonly pid: number;
  /** False once the process has ended, of itself or by `close`. */
  readonly isRunning: boolean;
  close(): Promise<void>;
}

/**
 * Rejects when the process does not come up. One thread in its pool: every Data indication takes its transaction id from there,
 * and with several of them overtakes the one before it.
 */
export async function startNodeTurn(options: NodeTurnOptions): Promise<NodeTurn> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort(options.listeningIps);
    const child = fork(CHILD, [JSON.stringify(configOf(options, port))], {
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      execArgv: [],
      stdio: "ignore",
    });
    if (await isReady(child)) return controlOf(child, port);
    if (attempt === ATTEMPTS) throw new Error("node-turn did not start");
  }
}

function configOf(
  { listeningIps, relayIps, realm, credentials }: NodeTurnOptions,
  listeningPort: number,
): object {
  return {
    authMech: "long-term",
    listeningIps: listeningIps.map(formatIp),
    relayIps: relayIps.map(formatIp),
    listeningPort,
    realm,
    credentials,
  };
}

function isReady(child: ChildProcess): Promise<boolean> {
  return Promise.race([once(child, "message").then(() => true), once(child, "exit").then(() => false)]);
}

function controlOf(child: ChildProcess, port: number): NodeTurn {
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    port,
    pid: child.pid ?? Number.NaN,
    get isRunning() {
      return isRunning();
    },
    async close() {
      if (!isRunning()) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** One port that is free on every address. */
async function findFreePort(ips: readonly IpAddress[]): Promise<number> {
  const [first, ...others] = ips;
  if (first === undefined) throw new Error("no address to listen on");
  for (;;) {
    const endpoint = await openUdpEndpoint(first);
    const { port } = endpoint.address;
    await endpoint.close();
    const free = await Promise.all(others.map((ip) => isUdpAddressFree(withPort(ip, port))));
    if (!free.includes(false)) return port;
  }
}
