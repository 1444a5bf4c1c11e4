/** The servers that are measured, each in a process of its own on 127.0.0.1. */

import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { fileURLToPath } from "node:url";
import { eventually } from "../../test/e2e/support/eventually.ts";
import { freePort } from "../../test/e2e/support/free-port.ts";
import { BUILT_COMMAND } from "../../test/e2e/support/turnpike-process.ts";
import { Child } from "./child.ts";

export interface Contender {
  readonly name: string;
  readonly version: string;
  start(nodeFlags?: readonly string[]): Promise<RunningContender>;
}

export interface RunningContender {
  readonly url: string;
  readonly process: Child;
}

export const BASELINE = "ws";

const PROBE = new URL("probe.mjs", import.meta.url).href;

export const CONTENDERS: readonly Contender[] = [
  { name: "turnpike", version: readPackage("../../package.json").version, start: startTurnpike },
  { name: BASELINE, version: versionOf("ws"), start: starter(BASELINE, "ws-relay") },
  { name: "peer", version: versionOf("peer"), start: starter("peer", "peer-server") },
  { name: "socket.io", version: versionOf("socket.io"), start: starter("socket.io", "socket-io-relay") },
];

/** The built product as it starts by itself: every limit and every part of it is on. Only its log is quiet. */
async function startTurnpike(nodeFlags: readonly string[] = []): Promise<RunningContender> {
  const [http, turn, admin] = [await freePort(), await freePort(), await freePort()];
  const flags = ["--host", "127.0.0.1", "--log-level", "error", "--shutdown-seconds", "0"];
  const ports = ["--http-port", http, "--turn-port", turn, "--admin-port", admin].map(String);
  return listening(http, startChild("turnpike", BUILT_COMMAND, ["serve", ...flags, ...ports], nodeFlags));
}

/** Compiled by scripts/bench-signaling.mjs. */
function starter(name: string, file: string): Contender["start"] {
  const script = fileURLToPath(new URL(`../dist/bench/signaling/servers/${file}.js`, import.meta.url));
  return async (nodeFlags = []) => {
    const port = await freePort();
    return listening(port, startChild(name, script, [String(port)], nodeFlags));
  };
}

function startChild(
  name: string,
  script: string,
  args: readonly string[],
  nodeFlags: readonly string[],
): Child {
  return new Child(name, script, args, ["--expose-gc", "--import", PROBE, ...nodeFlags]);
}

async function listening(port: number, process: Child): Promise<RunningContender> {
  try {
    await eventually(
      `a server on TCP port ${port}`,
      () => !process.isRunning || isOpen(port),
      (isThere) => isThere,
    );
  } catch (error) {
    await process.stop();
    throw new Error(process.output, { cause: error });
  }
  return { url: `ws://127.0.0.1:${port}`, process };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

function versionOf(name: string): string {
  return readPackage(`../../node_modules/${name}/package.json`).version;
}

function readPackage(path: string): { version: string } {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string };
}
