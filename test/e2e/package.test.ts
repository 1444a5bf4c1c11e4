/** What `npm pack` makes, installed by somebody who has Node and npm and nothing else. */

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SignalingClient } from "../support/signaling-client.ts";
import { UdpTurnClient } from "../support/udp-allocation.ts";
import { type BareMachine, CHECKOUT, copyCheckout, makeBareMachine } from "./support/bare-machine.ts";
import { run } from "./support/child-process.ts";
import { crawl } from "./support/site.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const SLOW_MS = 240_000;
const { version } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")) as { version: string };

describe("the package", () => {
  let machine: BareMachine;
  let app: string;

  beforeAll(async () => {
    machine = await makeBareMachine();
    const tarball = await pack(join(machine.home, "clone"));
    app = join(machine.home, "app");
    mkdirSync(app);
    writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
    const install = [
      "npm",
      "install",
      "--omit=dev",
      "--ignore-scripts=false",
      "--no-audit",
      "--no-fund",
      tarball,
    ];
    const { code, output } = await inApp(install, SLOW_MS);
    expect(code, output).toBe(0);
  }, SLOW_MS);

  afterAll(() => machine.remove());

  function inApp(command: readonly string[], withinMs = 60_000) {
    return run(command, { cwd: app, env: machine.env, withinMs });
  }

  const start = (command = [join(app, "node_modules/.bin/turnpike")]) =>
    TurnpikeProcess.start({ command, cwd: app, env: machine.env });

  test("npx turnpike --version and --help", async () => {
    const shown = await inApp(["npx", "--no-install", "turnpike", "--version"]);
    expect(shown.code).toBe(0);
    expect(shown.output.trim().split("\n").at(-1)).toBe(version);
    const help = await inApp(["npx", "--no-install", "turnpike", "--help"]);
    expect(help.code).toBe(0);
    for (const flag of ["--http-port", "--turn-port", "--external-ip", "--secret"]) {
      expect(help.output).toContain(flag);
    }
  });

  test("a wrong flag: one clear line and exit code 1", async () => {
    const { code, output } = await inApp(["npx", "--no-install", "turnpike", "--turn-port", "70000"]);
    expect(code).toBe(1);
    expect(output).toMatch(/turn-?port.*70000|70000.*turn-?port/i);
    expect(output).not.toMatch(/^\s+at /m);
  });

  test("starts, serves the page with all that it loads, and ends with 0 on SIGTERM", async () => {
    const server = await start();
    const files = await crawl(server.url("127.0.0.1"));
    expect(files.get("/")).toMatchObject({ status: 200, type: expect.stringContaining("text/html") });
    expect([...files.keys()].some((path) => path.endsWith("client.js"))).toBe(true);
    for (const [path, { status }] of files) expect(`${path} ${status}`).toBe(`${path} 200`);
    expect(await server.stop()).toEqual({ code: 0, signal: undefined });
  });

  test("/client.js is the SDK, and every module that it imports is there", async () => {
    const server = await start();
    const modules = await crawl(`${server.url("127.0.0.1")}client.js`);
    expect(modules.size).toBeGreaterThan(1);
    for (const { status, type } of modules.values()) {
      expect(status).toBe(200);
      expect(type).toMatch(/javascript/);
    }
    expect(await server.stop()).toEqual({ code: 0, signal: undefined });
  });

  test("has nothing of the development dependencies; the only script that runs at install is koffi's", async () => {
    const { output } = await inApp(["npm", "ls", "--all", "--parseable"]);
    for (const name of ["vitest", "typescript", "playwright-core", "node-turn", "biome", "stun"]) {
      expect(output).not.toMatch(new RegExp(`node_modules/(@[^/]+/)?${name}$`, "m"));
    }
    const lock = JSON.parse(readFileSync(join(app, "package-lock.json"), "utf8")) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const withScript = Object.keys(lock.packages).filter((path) => lock.packages[path]?.hasInstallScript);
    expect(withScript).toEqual(["node_modules/koffi"]);
  });

  test.each([
    ["with koffi as it was installed", [], "batch"],
    ["where koffi was left out", ["--omit=optional"], "dgram"],
    ["where no script may run at install", ["--ignore-scripts"], "batch"],
  ])("UDP %s: the start line says what carries it", async (_name, flags, engine) => {
    if (flags.length > 0) {
      rmSync(join(app, "node_modules"), { recursive: true });
      const { code, output } = await inApp(["npm", "ci", "--omit=dev", "--no-audit", ...flags], SLOW_MS);
      expect(code, output).toBe(0);
    }
    const server = await start();
    expect(server.process.output).toMatch(new RegExp(`UDP engine +${engine}: `));
    expect(await server.stop()).toEqual({ code: 0, signal: undefined });
  });

  test("can be embedded: createServer starts and closes", async () => {
    const script = `
      import { createServer } from "turnpike";
      import { joinRoom } from "turnpike/client";
      if (typeof joinRoom !== "function") throw new Error("no joinRoom");
      const server = createServer({ httpPort: 0, turnPort: 0, adminPort: 0, logLevel: "silent" });
      await server.start();
      await server.close();
      console.log("closed");`;
    const { code, output } = await inApp(["node", "--input-type=module", "-e", script]);
    expect(output).toContain("closed");
    expect(code).toBe(0);
  });

  test(
    "runs on the newest Node: starts, gives out credentials, relays, ends with 0",
    async () => {
      const node = await newestNode();
      const server = await start([node, join(app, "node_modules/turnpike/dist/bin/turnpike.js")]);
      const member = await SignalingClient.open(`ws://127.0.0.1:${server.ports.http}/signal`);
      const { iceServers } = await member.join("new");
      const { username = "", credential = "" } = iceServers.find((one) => one.username !== undefined) ?? {};
      const client = new UdpTurnClient(server.ports.turn, { username, password: credential });
      expect(await client.allocate()).toBeUndefined();
      client.close();
      await member.close();
      expect(await server.stop()).toEqual({ code: 0, signal: undefined });
    },
    SLOW_MS,
  );

  async function newestNode(): Promise<string> {
    const command = ["npx", "-y", "-p", "node@26", "node", "-p", "process.version + ' ' + process.execPath"];
    const { output } = await inApp(command, SLOW_MS);
    const [, path = ""] = output.match(/^v26\S* (.+)$/m) ?? [];
    expect(path, output).not.toBe("");
    return path;
  }
});

/** Packs a copy of the checkout, because packing builds: this checkout's own `dist` is in use meanwhile. */
async function pack(clone: string): Promise<string> {
  copyCheckout(clone);
  symlinkSync(join(CHECKOUT, "node_modules"), join(clone, "node_modules"));
  const { code, output } = await run(["npm", "pack", "--silent"], { cwd: clone, withinMs: SLOW_MS });
  expect(code, output).toBe(0);
  return join(clone, `turnpike-${version}.tgz`);
}
