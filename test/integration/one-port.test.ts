/** HTTP, WebSocket and TURN on one TCP port, with TLS and without, by the first bytes of each connection. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { createServer, type ServerAddresses } from "../../src/server.ts";
import { withPort } from "../../src/stun/address.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { freePort } from "../e2e/support/free-port.ts";
import { openChoppingProxy } from "../support/chopping-proxy.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { encodeRequest } from "../support/turn-request.ts";

const CERTIFICATE = createSelfSignedCertificate();
const USER = { username: "ada", password: "lovelace" };
const BINDING = encodeRequest(1, [], undefined);
const LIMITS = { max: 100, maxPerAddress: 100, trustedProxies: [], exemptLoopback: false };
/** Beyond the first bytes of what is inside TLS too. */
const CHOPPED_BYTES = 3000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function certificateFiles() {
  const folder = mkdtempSync(join(tmpdir(), "turnpike-one-port-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, CERTIFICATE.cert);
  writeFileSync(keyFile, CERTIFICATE.key);
  return { certFile, keyFile };
}

async function start(overrides: Parameters<typeof testConfig>[0] = {}): Promise<ServerAddresses> {
  const server = createServer(
    testConfig({
      users: [{ name: USER.username, password: USER.password }],
      publicHost: "localhost",
      tls: { port: 0, ...certificateFiles() },
      ...overrides,
    }),
  );
  cleanups.push(() => server.close());
  return server.start();
}

const portOf = (addresses: ServerAddresses, what: "http" | "tls" | "turn") => addresses[what][0]?.port ?? 0;

async function statusOf(scheme: "http" | "https", port: number, alpn?: string): Promise<number | undefined> {
  const tls = { ca: CERTIFICATE.cert, ...(alpn !== undefined && { ALPNProtocols: [alpn] }) };
  const options = { host: "127.0.0.1", port, path: "/healthz", agent: false, ...tls };
  const outgoing = scheme === "http" ? httpGet(options) : httpsGet({ ...options, servername: "localhost" });
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

async function joinRoom(scheme: "ws" | "wss", port: number) {
  const tls = { ca: CERTIFICATE.cert, servername: "localhost" };
  const client = await SignalingClient.open(`${scheme}://127.0.0.1:${port}/signal`, tls);
  cleanups.push(() => client.webSocket.terminate());
  return client.join("blue-fox");
}

async function expectRelays(port: number, tls: boolean, alpn?: readonly string[]): Promise<void> {
  const transport = await openStreamTransport({
    server: withPort(LOOPBACK_4, port),
    from: LOOPBACK_4,
    ...(tls && { ca: CERTIFICATE.cert }),
    ...(alpn && { alpn }),
  });
  const client = new TurnClient(transport, USER);
  assertSuccess(await client.allocate(), "Allocate");
  assertSuccess(await client.refresh(0), "Refresh(0)");
  await client.close();
}

async function openRaw(
  port: number,
): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, "127.0.0.1");
  const parts: Buffer[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (part) => parts.push(part));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  cleanups.push(() => socket.destroy());
  return { socket, closed, received: () => Buffer.concat(parts).toString("latin1") };
}

async function chopped(port: number): Promise<number> {
  const proxy = await openChoppingProxy(port, CHOPPED_BYTES);
  cleanups.push(() => proxy.close());
  return proxy.port;
}

describe("one port without TLS", () => {
  test("serves pages, signaling and TURN, also when it is the TURN port, and in segments of one byte", async () => {
    const port = await freePort();
    const addresses = await start({ httpPort: port, turnPort: port });
    expect([portOf(addresses, "http"), portOf(addresses, "turn")]).toEqual([port, port]);
    for (const way of [port, await chopped(port)]) {
      expect(await statusOf("http", way)).toBe(200);
      expect((await joinRoom("ws", way)).type).toBe("joined");
      await expectRelays(way, false);
    }
  });

  test("the TURN port serves TURN over TCP on the number that it has over UDP, and no pages", async () => {
    const addresses = await start();
    const port = portOf(addresses, "turn");
    await expectRelays(port, false);
    await expectRelays(portOf(addresses, "http"), false);
    const { socket, closed, received } = await openRaw(port);
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.end();
    await closed;
    expect(received()).toBe("");
  });

  test("cuts what it does not serve: garbage, and TLS where there is none", async () => {
    const port = portOf(await start({ tls: undefined }), "http");
    for (const bytes of ["ff", "80c80001", "160301020001"]) {
      const { socket, closed, received } = await openRaw(port);
      socket.write(Buffer.from(bytes, "hex"));
      await closed;
      expect(received()).toBe("");
    }
    expect(await statusOf("http", port)).toBe(200);
    await expectRelays(port, false);
  });
});

describe("the port of TLS", () => {
  test("serves https, wss and turns, in segments of one byte too", async () => {
    const port = portOf(await start(), "tls");
    for (const way of [port, await chopped(port)]) {
      expect(await statusOf("https", way)).toBe(200);
      expect((await joinRoom("wss", way)).type).toBe("joined");
      await expectRelays(way, true);
    }
  });

  test("takes the client's word by ALPN", async () => {
    const port = portOf(await start(), "tls");
    await expectRelays(port, true, ["stun.turn"]);
    await expectRelays(port, true, ["stun.nat-discovery"]);
    // As turnutils_uclient offers them.
    await expectRelays(port, true, ["http/1.1", "stun.turn", "stun.nat-discovery"]);
    expect(await statusOf("https", port, "http/1.1")).toBe(200);
    for (const alpn of ["stun.turn", "http/1.1"]) {
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ca: CERTIFICATE.cert,
        servername: "localhost",
        ALPNProtocols: [alpn],
      });
      await once(socket, "secureConnect");
      expect(socket.alpnProtocol).toBe(alpn);
      // The other one's words, under this one's name.
      socket.write(alpn === "stun.turn" ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n" : BINDING);
      socket.once("data", (answer: Buffer) => expect(answer.toString()).toMatch(/^HTTP\/1.1 400/));
      socket.end();
      await once(socket, "close");
    }
    expect(await statusOf("https", port)).toBe(200);
  });

  test("speaks TLS 1.2 and 1.3 and nothing older", async () => {
    const port = portOf(await start(), "tls");
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ca: CERTIFICATE.cert,
        servername: "localhost",
        minVersion: version,
        maxVersion: version,
      });
      await once(socket, "secureConnect");
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    const old = connectTls({
      port,
      host: "127.0.0.1",
      ca: CERTIFICATE.cert,
      servername: "localhost",
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    const [error] = await once(old, "error");
    expect(String(error)).toMatch(/alert protocol version|unsupported protocol/);
  });

  test("refuses TURN and HTTP outside TLS, and serves on", async () => {
    const port = portOf(await start(), "tls");
    for (const bytes of [BINDING, Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]) {
      const { socket, closed } = await openRaw(port);
      socket.write(bytes);
      await closed;
    }
    expect(await statusOf("https", port)).toBe(200);
    await expectRelays(port, true);
  });
});

describe("iceServers", () => {
  test("name what is open, and each of it relays", async () => {
    const addresses = await start();
    const { iceServers } = await joinRoom("wss", portOf(addresses, "tls"));
    const [turn, tls] = [portOf(addresses, "turn"), portOf(addresses, "tls")];
    expect(iceServers.flatMap(({ urls }) => urls)).toEqual([
      `stun:localhost:${turn}`,
      `turn:localhost:${turn}?transport=udp`,
      `turn:localhost:${turn}?transport=tcp`,
      `turns:localhost:${tls}?transport=tcp`,
    ]);
    await expectRelays(turn, false);
    await expectRelays(tls, true);
  });

  test("name no plain TCP where the port of TLS has the number of the TURN port", async () => {
    const port = await freePort();
    const addresses = await start({ turnPort: port, tls: { port, ...certificateFiles() } });
    const { iceServers } = await joinRoom("wss", port);
    expect([portOf(addresses, "turn"), portOf(addresses, "tls")]).toEqual([port, port]);
    expect(iceServers.flatMap(({ urls }) => urls)).toEqual([
      `stun:localhost:${port}`,
      `turn:localhost:${port}?transport=udp`,
      `turns:localhost:${port}?transport=tcp`,
    ]);
    await expectRelays(port, true);
  });
});

test("the metrics say how many TURN connections are open, over TCP and TLS", async () => {
  const addresses = await start();
  const page = async () => {
    const response = await fetch(`http://127.0.0.1:${addresses.admin[0]?.port}/metrics`);
    return (await response.text())
      .split("\n")
      .filter((line) => line.startsWith("turnpike_turn_connections{"));
  };
  const shown = (tcp: number, tls: number) => [
    `turnpike_turn_connections{transport="tcp"} ${tcp}`,
    `turnpike_turn_connections{transport="tls"} ${tls}`,
  ];
  expect(await page()).toEqual(shown(0, 0));
  const open = [];
  for (const [what, ca] of [
    ["turn", undefined],
    ["http", undefined],
    ["tls", CERTIFICATE.cert],
  ] as const) {
    const server = withPort(LOOPBACK_4, portOf(addresses, what));
    const transport = await openStreamTransport({ server, from: LOOPBACK_4, ...(ca && { ca }) });
    assertSuccess(await new TurnClient(transport, USER).bind(), "Binding");
    open.push(transport);
  }
  expect(await page()).toEqual(shown(2, 1));
  for (const transport of open) await transport.close();
  await expect.poll(page).toEqual(shown(0, 0));
});

test("a client that does not read its answer is cut, and the next one is served", async () => {
  const silenceMs = 200;
  const body = Buffer.alloc(50_000_000);
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    http: {
      request: (request, response) => response.end(request.url === "/large" ? body : "ok"),
      timeouts: { headersMs: 10_000, requestMs: 10_000, silenceMs, checkEveryMs: 5_000 },
    },
    connections: LIMITS,
    failed: (error) => expect.unreachable(String(error)),
  });
  cleanups.push(() => listener.close());
  const socket = connect(listener.address.port, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  let received = 0;
  socket.once("readable", () => socket.pause());
  // What is on its way is read once the server has cut the connection; the rest of the answer never comes.
  await new Promise((resolve) => setTimeout(resolve, 4 * silenceMs));
  socket.on("data", (segment) => {
    received += segment.length;
  });
  await once(socket, "close");
  expect(received).toBeLessThan(body.length);
  expect(await statusOf("http", listener.address.port)).toBe(200);
});

describe("a connection that is slow to say what it is", () => {
  const firstBytesMs = 200;
  const timeouts = { headersMs: 200, requestMs: 400, silenceMs: 60_000, checkEveryMs: 50 };

  async function openQuick({ tlsOnly = false } = {}): Promise<number> {
    const listener = await openTcpListener(LOOPBACK_4, 0, {
      tlsOnly,
      http: { request: (_request, response) => response.end("ok"), timeouts },
      tls: { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) },
      connections: LIMITS,
      firstBytesMs,
      failed: (error) => expect.unreachable(String(error)),
    });
    cleanups.push(() => listener.close());
    return listener.address.port;
  }

  test("is cut: silent, silent after a byte that decides nothing, and silent inside TLS", async () => {
    const port = await openQuick();
    const startedAt = performance.now();
    const [silent, undecided] = [await openRaw(port), await openRaw(port)];
    undecided.socket.write("G");
    const inside = connectTls({ port, host: "127.0.0.1", ca: CERTIFICATE.cert, servername: "localhost" });
    inside.on("error", () => undefined);
    inside.resume();
    await Promise.all([silent.closed, undecided.closed, once(inside, "close")]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(firstBytesMs * 0.9);
    expect(await statusOf("http", port)).toBe(200);
  });

  test.each([true, false])("is cut in the middle of a TLS handshake too, tlsOnly: %s", async (tlsOnly) => {
    const port = await openQuick({ tlsOnly });
    const startedAt = performance.now();
    const beginnings = ["", "16", "1603010200010001fc0303"];
    const sockets = await Promise.all(beginnings.map(() => openRaw(port)));
    for (const [i, { socket }] of sockets.entries()) socket.write(Buffer.from(beginnings[i] ?? "", "hex"));
    // A byte now and then does not help.
    const dripping = await openRaw(port);
    dripping.socket.write(Buffer.from("1603010200010001fc0303", "hex"));
    const drip = setInterval(() => dripping.socket.write("a"), firstBytesMs / 4);
    cleanups.push(() => clearInterval(drip));
    await Promise.all([...sockets, dripping].map(({ closed }) => closed));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(firstBytesMs * 0.9);
    expect(await statusOf("https", port)).toBe(200);
  });

  test("and one that never ends its headers is answered 408 by node:http, whose timeouts hold here too", async () => {
    const port = await openQuick();
    const { socket, closed, received } = await openRaw(port);
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 408/);
    expect(await statusOf("http", port)).toBe(200);
  });
});
