/** The three servers of docs/conformance.md, each started on loopback with the same three users. */

import type { IpFamily } from "../../src/stun/address.ts";
import { withClientsOn } from "../conformance/client-family.ts";
import { nodeTurnKind } from "../conformance/node-turn-target.ts";
import { ALICE, BOB, CAROL, REALM, type Target } from "../conformance/target.ts";
import { makeCertificateFiles } from "../e2e/support/certificate-files.ts";
import { TestProcess } from "../e2e/support/child-process.ts";
import { freePort } from "../e2e/support/free-port.ts";
import { listensOnUdp } from "../e2e/support/listening.ts";
import { makeTempDir } from "../e2e/support/temp-dir.ts";
import { TurnpikeProcess } from "../e2e/support/turnpike-process.ts";
import { parseOptions } from "./options.ts";
import { findPlaces } from "./places.ts";
import { RemoteServer } from "./remote-target.ts";
import type { Subject } from "./run-suite.ts";
import type { ServerTransport } from "./server-uri.ts";

const HOSTS: Readonly<Record<IpFamily, string>> = { 4: "127.0.0.1", 6: "::1" };
const USERS = [ALICE, BOB, CAROL];
const USER_FLAGS = USERS.map(({ username, password }) => `--user=${username}:${password}`);
/** Most of what node-turn breaks it breaks by silence. */
const NODE_TURN_PATIENCE_MS = 400;

/** A server that the suite can be pointed at. */
export interface StartedServer {
  readonly port: number;
  readonly tlsPort: number;
  /** Of its certificate, in PEM. */
  readonly certificateFile: string;
  stop(): Promise<unknown>;
}

/** How clients come. */
export interface Way {
  readonly transport: ServerTransport;
  readonly family: IpFamily;
}

export const TRANSPORTS: readonly ServerTransport[] = ["udp", "tcp", "tls"];
export const FAMILIES: readonly IpFamily[] = [4, 6];
export const WAYS: readonly Way[] = TRANSPORTS.flatMap((transport) =>
  FAMILIES.map((family) => ({ transport, family })),
);

export async function startTurnpike(): Promise<StartedServer> {
  const certificate = makeCertificateFiles();
  const tlsPort = await freePort();
  const hosts = Object.values(HOSTS).map((host) => `--host=${host}`);
  const server = await TurnpikeProcess.start({
    flags: [
      "--dev",
      "--tcp-relay",
      "--mobility",
      ...hosts,
      `--realm=${REALM}`,
      ...USER_FLAGS,
      ...certificate.flags,
      `--tls-port=${tlsPort}`,
    ],
  });
  async function stop(): Promise<void> {
    await server.stop();
    certificate.remove();
  }
  return { port: server.ports.turn, tlsPort, certificateFile: certificate.certificateFile, stop };
}

/** Debian's; it takes the next ports too. */
export async function startCoturn(): Promise<StartedServer> {
  const folder = makeTempDir("coturn");
  const certificate = makeCertificateFiles();
  const [port, tlsPort] = [await freePort(), await freePort()];
  const addresses = Object.values(HOSTS).flatMap((host) => [`--listening-ip=${host}`, `--relay-ip=${host}`]);
  const coturn = TestProcess.start([
    ...["turnserver", "-n", ...addresses, `--listening-port=${port}`, `--tls-listening-port=${tlsPort}`],
    ...[`--cert=${certificate.certificateFile}`, `--pkey=${certificate.keyFile}`, "--no-dtls", "--no-cli"],
    ...["--allow-loopback-peers", "--lt-cred-mech", ...USER_FLAGS, `--realm=${REALM}`],
    ...["--log-file=stdout", `--pidfile=${folder.path}/pid`, `--userdb=${folder.path}/users`],
  ]);
  async function stop(): Promise<void> {
    await coturn.stop();
    folder.remove();
    certificate.remove();
  }
  try {
    for (const host of [HOSTS[4], `[${HOSTS[6]}]`]) await listensOnUdp(port, [], host);
  } catch (error) {
    await stop();
    throw new Error(`coturn did not start:\n${coturn.output}`, { cause: error });
  }
  return { port, tlsPort, certificateFile: certificate.certificateFile, stop };
}

/** The command line of `npm run conformance` for it; clients come over the family that is named first. */
export function suiteArguments(server: StartedServer, { transport, family }: Way): string[] {
  const uris = [family, family === 4 ? 6 : 4].map((one) => {
    const host = one === 6 ? `[${HOSTS[6]}]` : HOSTS[4];
    if (transport === "tls") return `turns:${host}:${server.tlsPort}`;
    return `turn:${host}:${server.port}${transport === "tcp" ? "?transport=tcp" : ""}`;
  });
  return [...uris, ...USER_FLAGS, ...(transport === "tls" ? [`--ca=${server.certificateFile}`] : [])];
}

export async function remoteSubject(server: StartedServer, way: Way, patienceMs: number): Promise<Subject> {
  const parsed = parseOptions(suiteArguments(server, way), 0);
  if (!parsed.ok) throw new Error(parsed.errors.join("\n"));
  return new RemoteServer(parsed.options, await findPlaces(parsed.options), patienceMs);
}

/** A process for every rule: some of them end it. */
export async function nodeTurnSubject(family: IpFamily): Promise<Subject> {
  const kind = withClientsOn(family, nodeTurnKind(NODE_TURN_PATIENCE_MS));
  const nowhere = { port: 1, tlsPort: 1, certificateFile: "", stop: async () => undefined };
  const applicability = await remoteSubject(nowhere, { transport: "udp", family }, NODE_TURN_PATIENCE_MS);
  return {
    hindranceTo: (rule) =>
      rule.needs?.includes("mobility")
        ? "is about mobility (RFC 8016), of which it knows nothing"
        : applicability.hindranceTo(rule),
    open: (): Promise<Target> => kind.open({}),
    isServing: async () => true,
  };
}
