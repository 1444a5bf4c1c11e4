/** `serve` as the command line runs it, in this process: a real server, a real SIGTERM handler, a terminal that is read. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { createFakeTerminal } from "../support/fake-terminal.ts";
import { handlesSince, openHandles } from "../support/handles.ts";
import { type OccupiedPort, occupyTcpPort, occupyUdpPort } from "../support/occupied-port.ts";
import { SignalingClient } from "../support/signaling-client.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const QUIET = ["--host", "127.0.0.1", "--log-level", "silent", "--shutdown-seconds", "0"];
const NO_PORT = { http: 0, turn: 0, admin: 0 };

const listenersOfSignals = () => [...SIGNALS, "SIGHUP", "SIGUSR2"].map((name) => process.listenerCount(name));

const cleanups: (() => unknown)[] = [];
let before: { handles: string[]; listeners: number[] };

beforeAll(async () => {
  before = { handles: await openHandles(), listeners: listenersOfSignals() };
});

/** Whatever happened: no port, no timer and no listener of ours is left. */
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await expect.poll(() => handlesSince(before.handles), { interval: 10, timeout: 3000 }).toEqual([]);
  expect(listenersOfSignals()).toEqual(before.listeners);
});

function serve(ports: Partial<typeof NO_PORT> = {}, moreFlags: readonly string[] = []) {
  const { http, turn, admin } = { ...NO_PORT, ...ports };
  const terminal = createFakeTerminal();
  const portFlags = ["--http-port", http, "--turn-port", turn, "--admin-port", admin].map(String);
  const exitCode = main(["serve", ...QUIET, ...portFlags, ...moreFlags], terminal);
  const isReady = () => terminal.printed.some((line) => line.endsWith("is ready."));
  return {
    terminal,
    exitCode,
    ready: () => expect.poll(isReady, { interval: 5, timeout: 5000 }).toBe(true),
    /** The URL that stands behind a word of the banner. */
    urlOf: (what: string) => {
      const line = terminal.printed.find((one) => one.trim().startsWith(what));
      return line?.trim().split(/ +/)[1] ?? "";
    },
  };
}

async function occupy(kind: () => Promise<OccupiedPort>): Promise<OccupiedPort> {
  const occupied = await kind();
  cleanups.push(() => occupied.free());
  return occupied;
}

describe("serve", () => {
  test.each(SIGNALS)("answers at the addresses that it prints, until %s ends it with 0", async (signal) => {
    const { terminal, exitCode, ready, urlOf } = serve();
    await ready();
    expect((await fetch(`${urlOf("page")}readyz`)).status).toBe(200);
    expect((await fetch(urlOf("admin"))).status).toBe(200);
    const client = await SignalingClient.open(urlOf("signaling"));
    await client.join("blue-fox");

    process.emit(signal, signal);
    expect(await exitCode).toBe(0);
    await client.next("go-away");
    await client.closed;
    expect(terminal.complaints).toEqual([]);
    await expect(fetch(urlOf("page"))).rejects.toThrow("fetch failed");
  });

  test("reads its configuration again at SIGHUP, and goes on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "turnpike-cli-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "turnpike.json");
    writeFileSync(file, JSON.stringify({ secrets: ["an old secret"] }));
    const { terminal, exitCode, ready, urlOf } = serve({}, ["--config", file]);
    await ready();
    const client = await SignalingClient.open(urlOf("signaling"));
    const { iceServers: before } = await client.join("blue-fox");

    writeFileSync(file, JSON.stringify({ secrets: ["a new secret", "an old secret"] }));
    process.emit("SIGHUP", "SIGHUP");
    expect((await client.next("ice-servers")).iceServers).not.toEqual(before);
    process.emit("SIGTERM", "SIGTERM");
    expect(await exitCode).toBe(0);
    expect(terminal.complaints).toEqual([]);
  });

  test("drains at SIGUSR2: ends with 0 when the call is over", async () => {
    const { terminal, exitCode, ready, urlOf } = serve();
    await ready();
    const members = [
      await SignalingClient.open(urlOf("signaling")),
      await SignalingClient.open(urlOf("signaling")),
    ] as const;
    for (const member of members) await member.join("blue-fox");
    for (let i = 0; i < 2; i++) process.emit("SIGUSR2", "SIGUSR2");
    for (const member of members) await member.next("go-away");
    expect((await fetch(`${urlOf("page")}readyz`)).status).toBe(503);
    members[0].send({ type: "leave" });
    expect(await exitCode).toBe(0);
    expect(terminal.printed.at(-1)).toContain("drains");
    expect(terminal.complaints).toEqual([]);
  });

  test("SIGTERM in the middle of a drain does not wait for its bound", async () => {
    const { exitCode, ready, urlOf } = serve();
    await ready();
    const members = [
      await SignalingClient.open(urlOf("signaling")),
      await SignalingClient.open(urlOf("signaling")),
    ];
    for (const member of members) await member.join("blue-fox");
    process.emit("SIGUSR2", "SIGUSR2");
    for (const member of members) await member.next("go-away");
    process.emit("SIGTERM", "SIGTERM");
    expect(await exitCode).toBe(0);
    for (const member of members) expect((await member.closed).code).toBe(1001);
  });

  test("ends with 0 when the signal comes while it starts", async () => {
    const { exitCode } = serve();
    process.emit("SIGTERM", "SIGTERM");
    expect(await exitCode).toBe(0);
  });
});

describe("serve with a port in use", () => {
  test.each([
    ["http", "--http-port", occupyTcpPort],
    ["turn", "--turn-port", occupyUdpPort],
    ["admin", "--admin-port", occupyTcpPort],
  ] as const)("%s: one line, exit code 1, and nothing is left", async (name, flag, kind) => {
    const occupied = await occupy(kind);
    const { terminal, exitCode } = serve({ [name]: occupied.port });
    expect(await exitCode).toBe(1);
    expect(terminal.printed).toEqual([]);
    expect(terminal.complaints).toEqual([
      `${flag} ${occupied.port}: the port is in use on 127.0.0.1; end what listens there, or choose another port`,
    ]);

    await occupied.free();
    const next = serve({ [name]: occupied.port });
    await next.ready();
    process.emit("SIGTERM", "SIGTERM");
    expect(await next.exitCode).toBe(0);
  });

  test("and others wrong too: a line for each", async () => {
    const [http, turn] = [await occupy(occupyTcpPort), await occupy(occupyUdpPort)];
    const { terminal, exitCode } = serve({ http: http.port, turn: turn.port });
    expect(await exitCode).toBe(1);
    expect(terminal.complaints.map((line) => line.split(":")[0])).toEqual([
      `--http-port ${http.port}`,
      `--turn-port ${turn.port}`,
    ]);
  });
});
