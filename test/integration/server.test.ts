import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import {
  createServer,
  ListenError,
  type ListenPurpose,
  type ServerAddresses,
  ServerStateError,
  type TurnpikeServer,
} from "../../src/server.ts";
import type { IpAddress } from "../../src/stun/address.ts";
import { parseIp } from "../../src/stun/address.ts";
import { handlesSince, openHandles } from "../support/handles.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { LOOPBACK_4, LOOPBACK_6, testConfig } from "../support/test-config.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function create(...options: Parameters<typeof createServer>): TurnpikeServer {
  const server = createServer(...options);
  cleanups.push(() => server.close());
  return server;
}

async function start(...options: Parameters<typeof createServer>): Promise<ServerAddresses> {
  return create(...options).start();
}

function portOf(addresses: ServerAddresses, what: ListenPurpose): number {
  const [first] = addresses[what];
  if (first === undefined) throw new Error(`${what} does not listen`);
  return first.port;
}

function openClient(
  addresses: ServerAddresses,
  headers: Record<string, string> = {},
): Promise<SignalingClient> {
  return SignalingClient.open(`ws://127.0.0.1:${portOf(addresses, "http")}/signal`, { headers });
}

async function statusOf(addresses: ServerAddresses, what: "http" | "admin", path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${portOf(addresses, what)}${path}`);
  await response.arrayBuffer();
  return response.status;
}

test("with the relays of others none of our own is open, and members get theirs", async () => {
  const turnUrls = ["turn:one.example:3478", "turn:two.example:3478"];
  const addresses = await start(testConfig({ turnUrls }));
  expect(addresses.turn).toEqual([]);
  expect(addresses.relay).toEqual([]);
  const [ann, bob] = [await openClient(addresses), await openClient(addresses)];
  const ofAnn = (await ann.join("blue-fox")).iceServers;
  const ofBob = (await bob.join("blue-fox")).iceServers;
  expect(ofAnn.flatMap(({ urls }) => urls).sort()).toEqual(turnUrls);
  expect(ofBob.map(({ urls }) => urls)).toEqual(ofAnn.map(({ urls }) => urls));
  expect(ofAnn[0]?.username).not.toBe(ofBob[0]?.username);
});

/** Ports that somebody else holds. */
async function occupyTcp(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

async function occupyUdp(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) =>
    socket.bind({ port: 0, address: "127.0.0.1", exclusive: true }, resolve),
  );
  cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return socket.address().port;
}

function certificateFiles(): { certFile: string; keyFile: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "turnpike-tls-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const { cert, key } = createSelfSignedCertificate();
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key);
  return { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem"), cert };
}

describe("a server that started", () => {
  test("says where it listens, and is ready", async () => {
    const server = create(testConfig());
    expect(server.addresses).toBeUndefined();
    const addresses = await server.start();
    expect(server.addresses).toEqual(addresses);
    for (const what of ["http", "turn", "admin"] as const) {
      expect(addresses[what]).toEqual([{ address: "127.0.0.1", family: 4, port: expect.any(Number) }]);
      expect(portOf(addresses, what)).toBeGreaterThan(0);
    }
    expect(addresses.tls).toEqual([]);
    expect(await statusOf(addresses, "http", "/readyz")).toBe(200);
    expect(await statusOf(addresses, "admin", "/readyz")).toBe(200);
    expect(await statusOf(addresses, "http", "/metrics")).toBe(404);
  });

  test("listens on IPv4 and IPv6 with one free port each for HTTP and TURN", async () => {
    const addresses = await start(testConfig({ hosts: [LOOPBACK_4, LOOPBACK_6] }));
    for (const what of ["http", "turn"] as const) {
      const [v4, v6] = addresses[what];
      expect([v4?.address, v6?.address]).toEqual(["127.0.0.1", "::1"]);
      expect(v4?.port).toBe(v6?.port);
    }
    const response = await fetch(`http://[::1]:${portOf(addresses, "http")}/healthz`);
    expect(await response.text()).toBe("ok\n");
  });

  test("listens on 0.0.0.0 and :: at once", async () => {
    const hosts = [parseIp("0.0.0.0") as IpAddress, parseIp("::") as IpAddress];
    const addresses = await start(testConfig({ hosts, hostsAreDefault: true }));
    expect(addresses.http.map(({ address }) => address)).toEqual(["0.0.0.0", "::"]);
    expect(new Set(addresses.http.map(({ port }) => port)).size).toBe(1);
  });

  test("gives iceServers for its TURN port under the name that the client used", async () => {
    const addresses = await start(testConfig());
    const client = await openClient(addresses, { host: "call.example:8080" });
    const { iceServers, expiresAt, peer } = await client.join("blue-fox");
    const turnPort = portOf(addresses, "turn");
    const urls = iceServers.flatMap((server) => server.urls);
    expect(urls).toContain(`turn:call.example:${turnPort}?transport=udp`);
    for (const url of urls) expect(url).toMatch(new RegExp(`^(stun|turn):call\\.example:${turnPort}(\\?|$)`));
    const turn = iceServers.find((server) => server.credential !== undefined);
    expect(turn?.username?.startsWith(`${expiresAt}:r.${peer}.`)).toBe(true);
    expect(turn?.username).not.toContain("blue-fox");
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(3590);
    expect(expiresAt - Date.now() / 1000).toBeLessThanOrEqual(3600);
  });

  test("gives iceServers under its public name where it has one", async () => {
    const addresses = await start(testConfig({ publicHost: "turn.example" }));
    const { iceServers } = await (await openClient(addresses)).join("blue-fox");
    for (const url of iceServers.flatMap((server) => server.urls)) expect(url).toContain(":turn.example:");
  });

  test("carries an offer from one member to the other, and clears the room when one leaves", async () => {
    const addresses = await start(testConfig());
    const [first, second] = [await openClient(addresses), await openClient(addresses)];
    const { peer } = await first.join("blue-fox");
    const joined = await second.join("blue-fox");
    expect(joined.peers.map((other) => other.peer)).toEqual([peer]);
    second.send({ type: "offer", description: { type: "offer", sdp: "v=0" } });
    expect(await first.next("offer")).toMatchObject({ from: joined.peer, description: { sdp: "v=0" } });
    second.send({ type: "leave" });
    expect(await first.next("room-closed")).toMatchObject({ reason: "left" });
  });

  test("answers a message that is too large, and serves the next", async () => {
    const addresses = await start(testConfig({ limits: { maxMessageBytes: 2000 } }));
    const client = await openClient(addresses);
    client.send({ type: "message", data: "x".repeat(3000) });
    expect(await client.next("error")).toMatchObject({ code: "too-large" });
    expect((await client.join("blue-fox")).created).toBe(true);
  });

  test("with allowed origins serves those, its own page and its public name, and logs who was refused", async () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: "warn",
      stream: { write: (line: string) => void lines.push(line) },
    });
    const config = { allowedOrigins: ["https://ok.example"], publicHost: "call.example" };
    const addresses = await start(testConfig(config), { logger });
    const from = (origin: string) => openClient(addresses, { origin });
    await expect(from("https://evil.example")).rejects.toThrow("403");
    const own = `http://127.0.0.1:${portOf(addresses, "http")}`;
    for (const origin of ["https://ok.example", "https://call.example", own]) {
      expect((await (await from(origin)).join(origin)).created).toBe(true);
    }
    expect(lines.map((line) => JSON.parse(line).origin)).toEqual(["https://evil.example"]);
  });

  test("asks the authorize hook", async () => {
    const seen: unknown[] = [];
    const addresses = await start(testConfig(), {
      authorize: async ({ room, token, info }) => {
        seen.push([room, token, info.address]);
        return token === "open sesame";
      },
    });
    const client = await openClient(addresses);
    client.send({ type: "join", v: 1, room: "blue-fox", token: "wrong" });
    expect(await client.next("error")).toMatchObject({ code: "unauthorized" });
    const friend = await openClient(addresses);
    await friend.join("blue-fox", { token: "open sesame" });
    expect(seen).toEqual([
      ["blue-fox", "wrong", "127.0.0.1"],
      ["blue-fox", "open sesame", "127.0.0.1"],
    ]);
  });

  test("believes X-Forwarded-For of trusted proxies for its limits", async () => {
    const trustedProxies = [{ base: LOOPBACK_4, prefixLength: 32 }];
    const addresses = await start(testConfig({ trustedProxies, limits: { maxConnectionsPerAddress: 1 } }));
    const from = (address: string) => openClient(addresses, { "x-forwarded-for": address });
    await from("203.0.113.1");
    await from("203.0.113.2");
    await expect(from("203.0.113.1")).rejects.toThrow("429");
  });

  test("shows what happens in its metrics", async () => {
    const addresses = await start(testConfig());
    const client = await openClient(addresses);
    await client.join("blue-fox");
    const response = await fetch(`http://127.0.0.1:${portOf(addresses, "admin")}/metrics`);
    const lines = (await response.text()).split("\n");
    for (const line of [
      "turnpike_rooms 1",
      "turnpike_members 1",
      "turnpike_joins_total 1",
      "turnpike_allocations 0",
    ]) {
      expect(lines).toContain(line);
    }
  });
});

describe("https and wss", () => {
  test("share the TLS port", async () => {
    const { cert, ...files } = certificateFiles();
    const addresses = await start(testConfig({ tls: { port: 0, ...files } }));
    const port = portOf(addresses, "tls");
    const status = await new Promise<number | undefined>((resolve, reject) => {
      get({ host: "localhost", port, path: "/healthz", ca: cert, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
    const client = await SignalingClient.open(`wss://localhost:${port}/signal`, { ca: cert });
    expect((await client.join("blue-fox")).created).toBe(true);
  });

  test("refuse TLS before 1.2", async () => {
    const { cert, ...files } = certificateFiles();
    const addresses = await start(testConfig({ tls: { port: 0, ...files } }));
    const old = SignalingClient.open(`wss://localhost:${portOf(addresses, "tls")}/signal`, {
      ca: cert,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    await expect(old).rejects.toThrow("alert protocol version");
  });

  test("name every file that cannot be read", async () => {
    const tls = { port: 0, certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
    const failures = await failuresOf(create(testConfig({ tls })));
    for (const [index, file] of [tls.certFile, tls.keyFile].entries()) {
      expect(failures[index]).toMatchObject({ what: "tls", code: "ENOENT" });
      expect(failures[index]?.message).toContain(file);
    }
    expect(failures).toHaveLength(2);
  });

  test("refuse a key that belongs to another certificate", async () => {
    const { certFile } = certificateFiles();
    const { keyFile } = certificateFiles();
    const failures = await failuresOf(create(testConfig({ tls: { port: 0, certFile, keyFile } })));
    expect(failures).toMatchObject([{ what: "tls", code: expect.stringContaining("ERR_OSSL") }]);
  });
});

async function failuresOf(server: TurnpikeServer): Promise<ListenError["failures"]> {
  const error: unknown = await server.start().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ListenError);
  return (error as ListenError).failures;
}

describe("a start that fails", () => {
  test("names every port that could not be opened, leaves nothing open, and may be tried again", async () => {
    const [httpPort, adminPort, turnPort] = [await occupyTcp(), await occupyTcp(), await occupyUdp()];
    const before = await openHandles();
    const server = create(testConfig({ httpPort, adminPort, turnPort }));
    const failures = await failuresOf(server);
    expect(failures.map(({ what, code, port }) => [what, code, port])).toEqual([
      ["http", "EADDRINUSE", httpPort],
      ["turn", "EADDRINUSE", turnPort],
      ["admin", "EADDRINUSE", adminPort],
    ]);
    expect(await handlesSince(before)).toEqual([]);
    for (const cleanup of cleanups.splice(0, 3)) await cleanup();
    expect(portOf(await server.start(), "http")).toBe(httpPort);
  });

  test("closes the ports that did open", async () => {
    const adminPort = await occupyTcp();
    const httpPort = await freeTcpPort();
    await failuresOf(create(testConfig({ httpPort, adminPort })));
    expect(portOf(await start(testConfig({ httpPort })), "http")).toBe(httpPort);
  });
});

async function freeTcpPort(): Promise<number> {
  const port = await occupyTcp();
  await cleanups.pop()?.();
  return port;
}

describe("start and close", () => {
  test("start twice is an error, and the server goes on", async () => {
    const server = create(testConfig());
    const addresses = await server.start();
    await expect(server.start()).rejects.toThrow(new ServerStateError("cannot start: the server is running"));
    expect(await statusOf(addresses, "http", "/healthz")).toBe(200);
  });

  test("start after close is an error", async () => {
    const server = create(testConfig());
    await server.start();
    await server.close();
    await expect(server.start()).rejects.toThrow(new ServerStateError("cannot start: the server is closed"));
    expect(server.addresses).toBeUndefined();
  });

  test("start during close is an error", async () => {
    const server = create(testConfig());
    await server.start();
    const closing = server.close();
    await expect(server.start()).rejects.toThrow(new ServerStateError("cannot start: the server is closing"));
    await closing;
  });

  test("close during start ends it, and the start says so", async () => {
    const server = create(testConfig());
    const starting = expect(server.start()).rejects.toThrow(ServerStateError);
    await server.close();
    await starting;
    expect(server.addresses).toBeUndefined();
  });

  test("close without start, and close twice, are fine", async () => {
    const idle = create(testConfig());
    await idle.close();
    const server = create(testConfig());
    await server.start();
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });

  test("the ports of a server that closed are free", async () => {
    const server = create(testConfig());
    const addresses = await server.start();
    await server.close();
    const same = testConfig({ httpPort: portOf(addresses, "http"), turnPort: portOf(addresses, "turn") });
    expect((await start(same)).http).toEqual(addresses.http);
  });
});
