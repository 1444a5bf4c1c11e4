/** Two clients of one server, each over UDP, TCP or TLS, on IPv4 or IPv6: what they relay stays inside, and ports can be handed on. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createServer, type ServerAddresses } from "../../src/server.ts";
import { formatTransportAddress, type IpFamily, withPort } from "../../src/stun/address.ts";
import { evenPortAttribute } from "../../src/stun/attributes.ts";
import { ATTRIBUTE } from "../../src/stun/registry.ts";
import {
  allocate,
  assertClientToClient,
  assertSuccess,
  permitEachOther,
  type Relayed,
} from "../conformance/checks.ts";
import { transportTo } from "../support/endpoint.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const TRANSPORTS = ["udp", "tcp", "tls"] as const;
type Transport = (typeof TRANSPORTS)[number];

const PAIRS = TRANSPORTS.flatMap((from) => TRANSPORTS.map((to) => [from, to] as const));
const FAMILIES = [
  [4, 4],
  [4, 6],
  [6, 4],
  [6, 6],
] as const;
const ADA = { username: "ada", password: "lovelace" };
const BOB = { username: "bob", password: "kahn" };
const CERTIFICATE = createSelfSignedCertificate();

const folder = mkdtempSync(join(tmpdir(), "turnpike-pairs-"));
let server: ReturnType<typeof createServer>;
let addresses: ServerAddresses;
const clients: TurnClient[] = [];

beforeAll(async () => {
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, CERTIFICATE.cert);
  writeFileSync(keyFile, CERTIFICATE.key);
  const users = [ADA, BOB].map(({ username, password }) => ({ name: username, password }));
  const hosts = [LOOPBACK_4, LOOPBACK_6];
  server = createServer(testConfig({ hosts, users, tls: { port: 0, certFile, keyFile } }));
  addresses = await server.start();
});

afterEach(async () => {
  for (const client of clients) assertSuccess(await client.refresh(0), "Refresh(0)");
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function openClient(transport: Transport, family: IpFamily, as: typeof ADA): Promise<TurnClient> {
  const [listener] = addresses[transport === "tls" ? "tls" : "turn"];
  const from = family === 4 ? LOOPBACK_4 : LOOPBACK_6;
  const server = withPort(from, listener?.port ?? 0);
  const client = new TurnClient(
    transport === "udp"
      ? transportTo(server, await openUdpEndpoint(from))
      : await openStreamTransport({
          server,
          from,
          ...(transport === "tls" && { ca: CERTIFICATE.cert }),
        }),
    as,
  );
  clients.push(client);
  return client;
}

/** A client, and a relayed address of this family. */
async function openRelayed(
  transport: Transport,
  family: IpFamily,
  relayFamily: IpFamily,
  as: typeof ADA,
): Promise<Relayed> {
  const client = await openClient(transport, family, as);
  return { client, relayed: await allocate(client, { family: relayFamily }) };
}

async function insidePackets(): Promise<number> {
  const [admin] = addresses.admin;
  const metrics = await (await fetch(`http://127.0.0.1:${admin?.port}/metrics`)).text();
  return Number(/^turnpike_relayed_inside_packets_total (\d+)$/m.exec(metrics)?.[1]);
}

describe.each(FAMILIES)("a client on IPv%i and one on IPv%i", (fromFamily, toFamily) => {
  test.each(PAIRS)("over %s and %s reach each other inside the process", async (from, to) => {
    const relayFamily = toFamily;
    const one = await openRelayed(from, fromFamily, relayFamily, ADA);
    const other = await openRelayed(to, toFamily, relayFamily, BOB);
    await permitEachOther(one, other);
    const before = await insidePackets();
    await assertClientToClient(one, other);
    expect((await insidePackets()) - before).toBe(3);
  });
});

/** RFC 8656 section 7.2: the Allocate with the token "can use a different client IP address and port, a different transport protocol". */
describe("a port that was reserved", () => {
  test.each(PAIRS)("over %s on IPv4 is had over %s on IPv6", async (from, to) => {
    const [one, other] = [await openClient(from, 4, ADA), await openClient(to, 6, ADA)];
    const { relayedAddress: relayed, reservationToken: value } = await one.allocate({
      attributes: [evenPortAttribute(true)],
    });
    if (relayed === undefined || value === undefined) throw new Error("no port was reserved");
    const token = { type: ATTRIBUTE.reservationToken, value };
    const { relayedAddress: next } = await other.allocate({ attributes: [token] });
    expect(next && formatTransportAddress(next)).toBe(
      formatTransportAddress(withPort(relayed, relayed.port + 1)),
    );
  });
});
