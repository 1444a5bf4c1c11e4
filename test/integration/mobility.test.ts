/** Mobility (RFC 8016) on a real server: from each transport to each, between the families, with both engines of UDP. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createServer, type ServerAddresses } from "../../src/server.ts";
import { type IpFamily, withPort } from "../../src/stun/address.ts";
import { assertSuccess, text } from "../conformance/checks.ts";
import { transportTo } from "../support/endpoint.ts";
import { Mailbox } from "../support/mailbox.ts";
import { allocateMobile, type Mobile, move } from "../support/mobility.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const TRANSPORTS = ["udp", "tcp", "tls"] as const;
type Transport = (typeof TRANSPORTS)[number];
const PAIRS = TRANSPORTS.flatMap((from) => TRANSPORTS.map((to) => [from, to] as const));
const ADA = { username: "ada", password: "lovelace" };
const CERTIFICATE = createSelfSignedCertificate();
const CHANNEL = 0x4000;

describe.each(["dgram", "batch"] as const)("a mobile allocation, UDP by the engine %s,", (udpEngine) => {
  const folder = mkdtempSync(join(tmpdir(), "turnpike-mobility-"));
  const cleanups: (() => Promise<unknown>)[] = [];
  let server: ReturnType<typeof createServer>;
  let addresses: ServerAddresses;

  beforeAll(async () => {
    const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    writeFileSync(certFile, CERTIFICATE.cert);
    writeFileSync(keyFile, CERTIFICATE.key);
    const users = [{ name: ADA.username, password: ADA.password }];
    const hosts = [LOOPBACK_4, LOOPBACK_6];
    const tls = { port: 0, certFile, keyFile };
    server = createServer(testConfig({ hosts, users, tls, udpEngine, mobility: true }));
    addresses = await server.start();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  async function openClient(transport: Transport, family: IpFamily): Promise<TurnClient> {
    const [listener] = addresses[transport === "tls" ? "tls" : "turn"];
    const from = family === 4 ? LOOPBACK_4 : LOOPBACK_6;
    const to = withPort(from, listener?.port ?? 0);
    const ca = transport === "tls" && { ca: CERTIFICATE.cert };
    const client = new TurnClient(
      transport === "udp"
        ? transportTo(to, await openUdpEndpoint(from))
        : await openStreamTransport({ server: to, from, ...ca }),
      ADA,
    );
    cleanups.push(() => client.close());
    return client;
  }

  async function openCall(transport: Transport) {
    const mobile = await allocateMobile(await openClient(transport, 4));
    const endpoint = await openUdpEndpoint(LOOPBACK_4);
    cleanups.push(() => endpoint.close());
    const packets = new Mailbox<string>("a packet at the peer", 3000);
    endpoint.onPacket((bytes) => packets.put(Buffer.from(bytes).toString()));
    assertSuccess(await mobile.client.channelBind(CHANNEL, endpoint.address), "ChannelBind");
    return { mobile, peer: { ...endpoint, packets } };
  }

  async function expectBothWays(
    client: TurnClient,
    { relayed }: Mobile,
    peer: Awaited<ReturnType<typeof openCall>>["peer"],
  ): Promise<void> {
    await client.sendChannelData(CHANNEL, text("to the peer"));
    expect(await peer.packets.take()).toBe("to the peer");
    await peer.send(relayed, text("to the client"));
    const { channelNumber, data } = await client.data.take();
    expect([channelNumber, data.toString()]).toEqual([CHANNEL, "to the client"]);
  }

  async function metric(name: string): Promise<number> {
    const [admin] = addresses.admin;
    const page = await (await fetch(`http://127.0.0.1:${admin?.port}/metrics`)).text();
    const line = page.split("\n").find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  test.each(PAIRS)("goes from %s on IPv4 to %s on IPv6", async (from, to) => {
    const { mobile, peer } = await openCall(from);
    const before = await metric("turnpike_allocations_moved_total");
    const moved = await openClient(to, 6);
    await move(moved, mobile.ticket);
    // Data goes the old way until the client sends from the new one.
    await expectBothWays(mobile.client, mobile, peer);
    await expectBothWays(moved, mobile, peer);
    expect((await mobile.client.refresh()).outcome).toBe(437);
    expect((await metric("turnpike_allocations_moved_total")) - before).toBe(1);
    assertSuccess(await moved.refresh(0), "Refresh(0)");
  });

  test.each(["tcp", "tls"] as const)("outlives its connection over %s", async (transport) => {
    const { mobile, peer } = await openCall(transport);
    await mobile.client.close();
    const moved = await openClient("udp", 4);
    await move(moved, mobile.ticket);
    await expectBothWays(moved, mobile, peer);
    assertSuccess(await moved.refresh(0), "Refresh(0)");
  });

  test("is held by nobody when its client has moved there and back over UDP and ends it", async () => {
    const { mobile, peer } = await openCall("udp");
    const elsewhere = await openClient("udp", 4);
    const ticket = await move(elsewhere, mobile.ticket);
    await expectBothWays(elsewhere, mobile, peer);
    await move(mobile.client, ticket);
    await expectBothWays(mobile.client, mobile, peer);
    assertSuccess(await mobile.client.refresh(0), "Refresh(0)");
    expect(await metric("turnpike_allocations")).toBe(0);
    for (const client of [mobile.client, elsewhere]) {
      assertSuccess(await client.allocate(), "a new Allocate");
      assertSuccess(await client.refresh(0), "Refresh(0)");
    }
  });
});
