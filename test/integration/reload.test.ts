/** SIGHUP: the configuration is read again while calls go on; and the same for a program that embeds the server. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../src/config/sources.ts";
import { issueCredential } from "../../src/credentials/turn-credentials.ts";
import { createServer as createEmbedded } from "../../src/index.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import type { IceServer } from "../../src/signaling/protocol.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { UdpTurnClient } from "../support/udp-allocation.ts";

const PORTS = { hosts: ["127.0.0.1"], httpPort: 0, turnPort: 0, adminPort: 0, shutdownSeconds: 0 };
const OLD = "an old secret";
const NEW = "a new secret";

const cleanups: (() => unknown)[] = [];
let file: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "turnpike-reload-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  file = join(folder, "turnpike.json");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function write(settings: object): void {
  writeFileSync(file, JSON.stringify({ ...PORTS, ...settings }));
}

/** As `turnpike serve --config` does it; `reload` stands for its SIGHUP. */
async function serve(settings: object) {
  write(settings);
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const load = () => loadConfig({ flags: new Map(), environment: {}, configFile: file }).config;
  const server = createServer(load(), { logger: createLogger({ level: "info", stream }) });
  cleanups.push(() => server.close());
  await server.start();
  /** What the log says of the reload. */
  const reload = () => {
    const before = lines.length;
    server.reload(load);
    return lines.slice(before);
  };
  return { server, reload };
}

function signalUrl(server: TurnpikeServer): string {
  return `ws://127.0.0.1:${server.addresses?.http[0]?.port}/signal`;
}

function turnClient(server: TurnpikeServer, username: string, password: string): UdpTurnClient {
  const client = new UdpTurnClient(server.addresses?.turn[0]?.port ?? 0, { username, password });
  cleanups.push(() => client.close());
  return client;
}

function withIceServers(server: TurnpikeServer, iceServers: readonly IceServer[]): UdpTurnClient {
  const { username = "", credential = "" } = iceServers.find((one) => one.credential !== undefined) ?? {};
  return turnClient(server, username, credential);
}

function guest(server: TurnpikeServer, secret: string): UdpTurnClient {
  const { username, credential } = issueCredential(secret, "guest", Math.floor(Date.now() / 1000) + 60);
  return turnClient(server, username, credential);
}

const passwordOf = (iceServers: readonly IceServer[]) => iceServers.find((one) => one.credential)?.credential;

test("a new secret signs at once: everybody seated gets fresh iceServers, and what was given before goes on", async () => {
  const { server, reload } = await serve({ secrets: [OLD] });
  const member = await SignalingClient.open(signalUrl(server));
  const { iceServers: before } = await member.join("blue-fox");
  const running = withIceServers(server, before);
  expect(await running.allocate()).toBeUndefined();

  write({ secrets: [NEW, OLD] });
  expect(reload()).toMatchObject([{ level: "info", taken: ["secrets"] }]);
  const { iceServers: after } = await member.next("ice-servers");
  expect(passwordOf(after)).not.toBe(passwordOf(before));
  const { iceServers: ofNext } = await (await SignalingClient.open(signalUrl(server))).join("red-fox");
  for (const iceServers of [before, after, ofNext])
    expect(await withIceServers(server, iceServers).allocate()).toBeUndefined();
  expect(await running.refresh(600)).toBeUndefined();

  write({ secrets: [NEW] });
  reload();
  const { iceServers: last } = await member.next("ice-servers");
  expect(await guest(server, OLD).allocate()).toBe(401);
  expect(await withIceServers(server, before).allocate()).toBe(401);
  expect(await withIceServers(server, last).allocate()).toBeUndefined();
  expect(await withIceServers(server, ofNext).allocate()).toBeUndefined();
  expect(await guest(server, NEW).allocate()).toBeUndefined();
  // Its secret is gone, its seat is not: what it holds may be kept.
  expect(await running.refresh(600)).toBeUndefined();
});

test("an allocation that outlived its secret ends with the seat", async () => {
  const { server, reload } = await serve({ secrets: [OLD] });
  const member = await SignalingClient.open(signalUrl(server));
  const running = withIceServers(server, (await member.join("blue-fox")).iceServers);
  expect(await running.allocate()).toBeUndefined();
  write({ secrets: [NEW] });
  reload();
  expect(await running.refresh(600)).toBeUndefined();
  member.send({ type: "leave" });
  await member.next("ok");
  expect(await running.refresh(600)).toBe(401);
});

test("static users come and go, and the relay of those who go ends", async () => {
  const { server, reload } = await serve({ secrets: [OLD], users: ["ada:lovelace", "bob:builder"] });
  const [ada, bob] = [turnClient(server, "ada", "lovelace"), turnClient(server, "bob", "builder")];
  for (const client of [ada, bob]) expect(await client.allocate()).toBeUndefined();
  write({ secrets: [OLD], users: ["bob:builder", "cy:twombly"] });
  expect(reload()).toMatchObject([{ taken: ["users"] }, { user: "ada", why: "user-removed" }]);
  expect(await ada.refresh(600)).toBe(401);
  expect(await bob.refresh(600)).toBeUndefined();
  expect(await turnClient(server, "cy", "twombly").allocate()).toBeUndefined();
});

test("what needs a restart is named in one line, and is not taken over; the rest is", async () => {
  const { server, reload } = await serve({ secrets: [OLD] });
  write({ secrets: [NEW], ttlSeconds: 60, limits: { maxRooms: 7 } });
  expect(reload()).toMatchObject([
    { level: "warn", taken: ["secrets"], needRestart: ["ttlSeconds", "limits.maxRooms"] },
  ]);
  expect(await guest(server, NEW).allocate()).toBeUndefined();
  const { expiresAt } = await (await SignalingClient.open(signalUrl(server))).join("blue-fox");
  expect(expiresAt).toBeGreaterThan(Date.now() / 1000 + 3000);
});

test("a wrong file changes nothing: every error is logged with its place, no secret is, and the next right one is taken", async () => {
  const { server, reload } = await serve({ secrets: [OLD] });
  write({ secrets: [NEW, 7], httpPort: -1, nonsense: true });
  const lines = reload();
  expect(lines.map(({ level, where }) => [level, where])).toEqual([
    ["error", "turnpike.json: httpPort -1"],
    ["error", "turnpike.json: secrets[1]"],
    ["error", "turnpike.json: nonsense"],
  ]);
  expect(JSON.stringify(lines)).not.toContain(NEW);
  writeFileSync(file, "{");
  expect(reload()).toMatchObject([{ level: "error", where: file }]);
  expect(await guest(server, NEW).allocate()).toBe(401);
  expect(await guest(server, OLD).allocate()).toBeUndefined();
  write({ secrets: [NEW] });
  reload();
  expect(await guest(server, NEW).allocate()).toBeUndefined();
});

test("without a secret in the file the random one of this run stays", async () => {
  const { server, reload } = await serve({});
  const member = await SignalingClient.open(signalUrl(server));
  const { iceServers } = await member.join("blue-fox");
  write({ logLevel: "warn" });
  expect(reload()).toMatchObject([{ taken: ["logLevel"] }]);
  expect(await withIceServers(server, iceServers).allocate()).toBeUndefined();
});

test("a program changes them itself, before the start and after it; what is wrong is thrown and changes nothing", async () => {
  const server = createEmbedded({ ...PORTS, secrets: [OLD], users: ["ada:lovelace"], logLevel: "silent" });
  cleanups.push(() => server.close());
  server.changeCredentials({ secrets: [NEW] });
  await server.start();
  expect(await guest(server, OLD).allocate()).toBe(401);
  expect(await guest(server, NEW).allocate()).toBeUndefined();
  expect(await turnClient(server, "ada", "lovelace").allocate()).toBeUndefined();

  for (const wrong of [{ secrets: [] }, { secrets: [""] }, { users: ["nobody"] }])
    expect(() => server.changeCredentials(wrong)).toThrow(
      expect.objectContaining({ code: "ERR_TURNPIKE_CONFIG" }),
    );
  expect(await guest(server, NEW).allocate()).toBeUndefined();

  server.changeCredentials({ users: [] });
  expect(await turnClient(server, "ada", "lovelace").allocate()).toBe(401);
  expect(await guest(server, NEW).allocate()).toBeUndefined();
});

test("what is changed while the server starts holds when it has started", async () => {
  const server = createEmbedded({ ...PORTS, secrets: [OLD], logLevel: "silent" });
  cleanups.push(() => server.close());
  const started = server.start();
  server.changeCredentials({ secrets: [NEW] });
  await started;
  expect(await guest(server, OLD).allocate()).toBe(401);
  expect(await guest(server, NEW).allocate()).toBeUndefined();
});
