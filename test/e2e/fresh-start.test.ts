/** The first command of the README, in a fresh clone, by somebody who has Node and npm and nothing else. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareMachine, CHECKOUT, copyCheckout, makeBareMachine } from "./support/bare-machine.ts";
import { TestProcess } from "./support/child-process.ts";
import { freePort } from "./support/free-port.ts";

const SLOW_MS = 240_000;

describe("the README's first command", () => {
  let machine: BareMachine;

  beforeAll(async () => {
    machine = await makeBareMachine();
    copyCheckout(join(machine.home, "clone"));
  });

  afterAll(() => machine.remove());

  test("installs, starts, and prints the URL of a page that is there", { timeout: SLOW_MS }, async () => {
    const [, command = ""] =
      readFileSync(join(CHECKOUT, "README.md"), "utf8").match(/```sh\n(.+)\n```/) ?? [];
    expect(command).toMatch(/^npm ci && npm start$/);
    const ports = [
      ...["--http-port", await freePort()],
      ...["--turn-port", await freePort()],
      ...["--admin-port", await freePort()],
    ];
    const server = TestProcess.start(["sh", "-c", `${command} -- ${ports.join(" ")}`], {
      cwd: join(machine.home, "clone"),
      env: machine.env,
    });
    try {
      const [url] = await server.printed(/http:\/\/[^\s/]+:\d+\//, SLOW_MS);
      const page = await fetch(url);
      expect(page.status).toBe(200);
      expect(await page.text()).toContain("<title>Turnpike</title>");
      expect(server.output).toMatch(/secret/i);
      expect(server.output).toMatch(/tls|https/i);
    } finally {
      // As Ctrl-C does: the whole group hears it.
      process.kill(-server.pid, "SIGINT");
      await server.stop();
    }
  });
});
