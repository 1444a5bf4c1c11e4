/** The three servers of docs/conformance.md, each started on loopback with the same three users. */

import type { IpFamily } from "../../src/stun/address.ts";
import { parseIp, withPort } from "../../src/stun/address.ts";
import { nodeTurnKind } from "../conformance/node-turn-target.ts";
import { ALICE, BOB, CAROL, REALM, type Target } from "../conformance/target.ts";
import { TestProcess } from "../e2e/support/child-process.ts";
import { freePort } from "../e2e/support/free-port.ts";
import { listensOnUdp } from "../e2e/support/listening.ts";
import { makeTempDir } from "../e2e/support/temp-dir.ts";
import { TurnpikeProcess } from "../e2e/support/turnpike-process.ts";
import type { SuiteOptions } from "./options.ts";
import { findPlaces } from "./places.ts";
import { RemoteServer } from "./remote-target.ts";
import type { Subject } from "./run-suite.ts";

const HOSTS: Readonly<Record<IpFamily, string>> = { 4: "127.0.0.1", 6: "::1" };
const USERS = [ALICE, BOB, CAROL];
const USER_FLAGS = USERS.map(({ username, password }) => `--user=${username}:${password}`);
/** Most of what node-turn breaks it breaks by silence. */
const NODE_TURN_PATIENCE_MS = 400;

/** A server that the suite can be pointed at. */
export interface StartedServer {
  readonly port: number;
  stop(): Promise<unknown>;
}

export async function startTurnpike(): Promise<StartedServer> {
  const hosts = Object.values(HOSTS).map((host) => `--host=${host}`);
  const server = await TurnpikeProcess.start({
    flags: ["--dev", ...hosts, `--realm=${REALM}`, ...USER_FLAGS],
  });
  return { port: server.ports.turn, stop: () => server.stop() };
}

/** Debian's; it takes the next port too. */
export async function startCoturn(): Promise<StartedServer> {
  const folder = makeTempDir("coturn");
  const port = await freePort();
  const addresses = Object.values(HOSTS).flatMap((host) => [`--listening-ip=${host}`, `--relay-ip=${host}`]);
  const coturn = TestProcess.start([
    ...["turnserver", "-n", ...addresses, `--listening-port=${port}`, "--allow-loopback-peers"],
    ...["--lt-cred-mech", ...USER_FLAGS, `--realm=${REALM}`, "--no-tls", "--no-dtls", "--no-cli"],
    ...["--log-file=stdout", `--pidfile=${folder.path}/pid`, `--userdb=${folder.path}/users`],
  ]);
  async function stop(): Promise<void> {
    await coturn.stop();
    folder.remove();
  }
  try {
    await listensOnUdp(port);
  } catch (error) {
    await stop();
    throw new Error(`coturn did not start:\n${coturn.output}`, { cause: error });
  }
  return { port, stop };
}

/** The command line of `npm run conformance` for it. */
export function suiteArguments({ port }: StartedServer): string[] {
  return [`turn:${HOSTS[4]}:${port}`, `turn:[${HOSTS[6]}]:${port}`, ...USER_FLAGS];
}

export function suiteOptions(port: number): SuiteOptions {
  const ips = Object.values(HOSTS).map((host) => parseIp(host));
  return {
    servers: ips.filter((ip) => ip !== undefined).map((ip) => withPort(ip, port)),
    users: USERS,
    staticUsers: USERS.length,
    peers: [],
    isMine: false,
  };
}

export async function remoteSubject(port: number, patienceMs: number): Promise<Subject> {
  const options = suiteOptions(port);
  return new RemoteServer(options, await findPlaces(options), patienceMs);
}

/** A process for every rule: some of them end it. */
export async function nodeTurnSubject(): Promise<Subject> {
  const options = suiteOptions(1);
  const kind = nodeTurnKind(NODE_TURN_PATIENCE_MS);
  const applicability = new RemoteServer(options, await findPlaces(options), NODE_TURN_PATIENCE_MS);
  return {
    hindranceTo: (rule) => applicability.hindranceTo(rule),
    open: (): Promise<Target> => kind.open({}),
    isServing: async () => true,
  };
}
