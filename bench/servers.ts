/** The servers that are measured, each in a process of its own on 127.0.0.1, relaying to loopback and without limits. */

import { parseIpv4 } from "../src/stun/address.ts";
import { makeCertificateFiles } from "../test/e2e/support/certificate-files.ts";
import { run, TestProcess } from "../test/e2e/support/child-process.ts";
import { freePort } from "../test/e2e/support/free-port.ts";
import { listensOnUdp } from "../test/e2e/support/listening.ts";
import { makeTempDir } from "../test/e2e/support/temp-dir.ts";
import { TurnpikeProcess } from "../test/e2e/support/turnpike-process.ts";
import { startNodeTurn } from "../test/support/node-turn-control.ts";

export const USER = { name: "bench", password: "bench" };
const HOST = "127.0.0.1";
const REALM = "bench";
const MANY = "20000";

export interface RunningServer {
  readonly port: number;
  /** The same over TLS; undefined: it has none. */
  readonly tlsPort?: number;
  /** Of the server itself, not of something around it. */
  readonly pid: number;
  stop(): Promise<unknown>;
}

export interface ServerKind {
  readonly name: string;
  /** It drops ChannelData from clients: it gets Send indications, and so answers with Data indications. */
  readonly onlyIndications: boolean;
  /** Its clients may come over TCP and TLS. */
  readonly hasStreams: boolean;
  /** Its version; undefined: it is not installed. */
  version(): Promise<string | undefined>;
  start(): Promise<RunningServer>;
}

export const COTURN = "coturn";

export const SERVERS: readonly ServerKind[] = [
  {
    name: "turnpike batch",
    onlyIndications: false,
    hasStreams: true,
    version: turnpikeVersion,
    start: () => startTurnpike("batch", 1),
  },
  {
    name: "turnpike dgram",
    onlyIndications: false,
    hasStreams: true,
    version: turnpikeVersion,
    start: () => startTurnpike("dgram", 1),
  },
  {
    name: "node-turn",
    onlyIndications: true,
    hasStreams: false,
    version: async () => "0.0.6",
    start: startNodeTurnServer,
  },
  { name: COTURN, onlyIndications: false, hasStreams: true, version: coturnVersion, start: startCoturn },
];

/** Measured when they are named. */
export const OTHER_SERVERS: readonly ServerKind[] = [
  {
    name: "turnpike batch, 2 workers",
    onlyIndications: false,
    hasStreams: true,
    version: turnpikeVersion,
    start: () => startTurnpike("batch", 2),
  },
];

async function turnpikeVersion(): Promise<string> {
  return `on Node ${process.versions.node}`;
}

async function startTurnpike(engine: string, workers: number): Promise<RunningServer> {
  const certificate = makeCertificateFiles();
  const tlsPort = await freePort();
  const flags = ["--tls-port", String(tlsPort), ...certificate.flags];
  try {
    const server = await startTurnpikeProcess(engine, workers, flags);
    async function stop(): Promise<void> {
      await server.stop();
      certificate.remove();
    }
    return { port: server.ports.turn, tlsPort, pid: server.process.pid, stop };
  } catch (error) {
    certificate.remove();
    throw error;
  }
}

/** The built product, as a user starts it. */
export function startTurnpikeProcess(
  engine: string,
  workers: number,
  flags: readonly string[] = [],
): Promise<TurnpikeProcess> {
  return TurnpikeProcess.start({
    flags: [
      ...["--dev", "--host", HOST, "--udp-engine", engine, "--workers", String(workers)],
      ...["--realm", REALM, "--log-level", "error"],
      ...["--user", `${USER.name}:${USER.password}`, "--shutdown-seconds", "0"],
      ...[
        "--max-allocations",
        MANY,
        "--max-allocations-per-address",
        MANY,
        "--max-allocations-per-user",
        MANY,
      ],
      ...flags,
    ],
  });
}

async function startNodeTurnServer(): Promise<RunningServer> {
  const ip = parseIpv4(HOST);
  if (ip === undefined) throw new Error(`no address: ${HOST}`);
  const server = await startNodeTurn({
    listeningIps: [ip],
    relayIps: [ip],
    realm: REALM,
    credentials: { [USER.name]: USER.password },
  });
  return { port: server.port, pid: server.pid, stop: () => server.close() };
}

async function coturnVersion(): Promise<string | undefined> {
  const { code, output } = await run(["turnserver", "--version"]);
  return code === 0 ? output.match(/\d+\.\d+(\.\d+)?/)?.[0] : undefined;
}

/** One relay thread, as there is one of ours. */
async function startCoturn(): Promise<RunningServer> {
  const folder = makeTempDir("bench");
  const certificate = makeCertificateFiles();
  const [port, tlsPort] = [await freePort(), await freePort()];
  const coturn = TestProcess.start([
    ...["turnserver", "-n", `--listening-ip=${HOST}`, `--relay-ip=${HOST}`, `--listening-port=${port}`],
    ...[
      "--relay-threads=1",
      `--tls-listening-port=${tlsPort}`,
      "--no-dtls",
      "--no-cli",
      "--allow-loopback-peers",
      "--lt-cred-mech",
    ],
    ...[`--cert=${certificate.certificateFile}`, `--pkey=${certificate.keyFile}`],
    ...[`--user=${USER.name}:${USER.password}`, `--realm=${REALM}`],
    ...["--log-file=/dev/null", `--pidfile=${folder.path}/pid`, `--userdb=${folder.path}/users`],
  ]);
  async function stop(): Promise<void> {
    await coturn.stop();
    folder.remove();
    certificate.remove();
  }
  try {
    await listensOnUdp(port);
  } catch (error) {
    await stop();
    throw new Error(`coturn did not start:\n${coturn.output}`, { cause: error });
  }
  return { port, tlsPort, pid: coturn.pid, stop };
}
