/** A server behind trusted proxies on loopback, and clients that come to it through them. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type ServerAddresses } from "../../src/server.ts";
import {
  formatIp,
  type IpAddress,
  networks,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { assertSameAddress } from "../conformance/checks.ts";
import {
  binaryHeader,
  type HeaderProxy,
  openHeaderProxy,
  type PassedOn,
  textHeader,
} from "./header-proxy.ts";
import { createSelfSignedCertificate } from "./self-signed.ts";
import { SignalingClient } from "./signaling-client.ts";
import { openStreamTransport } from "./stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6, testConfig } from "./test-config.ts";
import { TurnClient } from "./turn-client.ts";
import { encodeRequest } from "./turn-request.ts";

export const CERTIFICATE = createSelfSignedCertificate();
const USER = { username: "ada", password: "lovelace" };
export const BINDING = encodeRequest(1, [], undefined);
export const TRUSTED = networks("127.0.0.1", "::1", "10.0.0.0/8");
export const STRANGER = parseIp("127.0.0.2") as IpAddress;
export const at = (ip: string, port: number) => withPort(parseIp(ip) as IpAddress, port);
export const ADA: PassedOn = { source: at("203.0.113.9", 56_324), destination: at("192.0.2.1", 443) };
export const BOB: PassedOn = { source: at("203.0.113.10", 40_000), destination: at("192.0.2.1", 443) };
export const ADA_6: PassedOn = { source: at("2001:db8:1::9", 56_324), destination: at("2001:db8::1", 443) };
export const OTHER_PROXY: PassedOn = { source: at("10.1.2.3", 50_000), destination: at("192.0.2.1", 443) };
export const HEADERS: [string, PassedOn, Buffer][] = [
  ["version 1, IPv4", ADA, textHeader(ADA)],
  ["version 1, IPv6", ADA_6, textHeader(ADA_6)],
  ["version 2, IPv4", ADA, binaryHeader(ADA)],
  ["version 2, IPv6", ADA_6, binaryHeader(ADA_6)],
];

export const cleanups: (() => unknown)[] = [];

/** After each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

function certificateFiles() {
  const folder = mkdtempSync(join(tmpdir(), "turnpike-proxy-protocol-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, CERTIFICATE.cert);
  writeFileSync(keyFile, CERTIFICATE.key);
  return { certFile, keyFile };
}

export interface Bench {
  readonly addresses: ServerAddresses;
  /** Addresses of those who asked to join. */
  readonly joined: string[];
  readonly log: { readonly msg: string; readonly client?: string; readonly proxy?: string }[];
}

export async function start(overrides: Parameters<typeof testConfig>[0] = {}): Promise<Bench> {
  const joined: string[] = [];
  const log: Bench["log"] = [];
  const server = createServer(
    testConfig({
      hosts: [LOOPBACK_4, LOOPBACK_6],
      users: [{ name: USER.username, password: USER.password }],
      tls: { port: 0, ...certificateFiles() },
      trustedProxies: TRUSTED,
      ...overrides,
    }),
    {
      logger: createLogger({ level: "info", stream: { write: (line) => void log.push(JSON.parse(line)) } }),
      authorize({ info }) {
        joined.push(info.address);
        return true;
      },
    },
  );
  cleanups.push(() => server.close());
  return { addresses: await server.start(), joined, log };
}

/** A listener of the server, on the loopback address of `family`. */
export function listenerOf(
  { addresses }: Bench,
  what: "http" | "tls" | "turn",
  family: 4 | 6 = 4,
): TransportAddress {
  const found = addresses[what].find((listener) => listener.family === family);
  return at(found?.address ?? "", found?.port ?? 0);
}

export async function behind(
  target: TransportAddress,
  header: Uint8Array,
  from?: IpAddress,
): Promise<HeaderProxy> {
  const proxy = await openHeaderProxy(
    target,
    from ?? (target.family === 4 ? LOOPBACK_4 : LOOPBACK_6),
    header,
  );
  cleanups.push(() => proxy.close());
  return proxy;
}

export async function statusOf(
  scheme: "http" | "https",
  { address }: HeaderProxy,
): Promise<number | undefined> {
  const options = {
    host: address.ip,
    port: address.port,
    path: "/healthz",
    agent: false,
    ca: CERTIFICATE.cert,
  };
  const outgoing = scheme === "http" ? httpGet(options) : httpsGet({ ...options, servername: "localhost" });
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

export async function openSignaling(
  scheme: "ws" | "wss",
  { address }: HeaderProxy,
  headers: Record<string, string> = {},
): Promise<SignalingClient> {
  const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
  const tls = { ca: CERTIFICATE.cert, servername: "localhost" };
  const client = await SignalingClient.open(`${scheme}://${host}:${address.port}/signal`, {
    ...tls,
    headers,
  });
  cleanups.push(() => client.webSocket.terminate());
  return client;
}

export async function openTurn({ address }: HeaderProxy, tls = false): Promise<TurnClient> {
  const server = at(address.ip, address.port);
  const from = server.family === 4 ? LOOPBACK_4 : LOOPBACK_6;
  const transport = await openStreamTransport({ server, from, ...(tls && { ca: CERTIFICATE.cert }) });
  const client = new TurnClient(transport, USER);
  cleanups.push(() => client.close());
  return client;
}

/** Whether a new connection is answered, or cut instead. */
export async function isServed({ address }: HeaderProxy, tls: boolean): Promise<boolean> {
  const server = at(address.ip, address.port);
  const transport = await openStreamTransport({
    server,
    from: LOOPBACK_4,
    ...(tls && { ca: CERTIFICATE.cert }),
  }).catch(() => undefined);
  if (transport === undefined) return false;
  const answered = new Promise<true>((resolve) => transport.onPacket(() => resolve(true)));
  await transport.send(BINDING);
  const served = await Promise.race([answered, transport.closed.then(() => false)]);
  await transport.close();
  return served;
}

export interface RawConnection {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  received(): Buffer;
}

export async function openRaw(to: TransportAddress, from = LOOPBACK_4): Promise<RawConnection> {
  const socket = connect({ host: formatIp(to), port: to.port, localAddress: formatIp(from), noDelay: true });
  const parts: Buffer[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (part) => parts.push(part));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  cleanups.push(() => socket.destroy());
  return { socket, closed, received: () => Buffer.concat(parts) };
}

export async function expectServes(bench: Bench): Promise<void> {
  const proxy = await behind(listenerOf(bench, "turn"), binaryHeader(ADA));
  assertSameAddress((await (await openTurn(proxy)).bind()).mappedAddress, ADA.source);
}
