/** The way to Redis: TLS, and what is left of it at the end. */

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer } from "../../src/server.ts";
import { handlesSince, openHandles } from "../support/handles.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";
import { makeCertificateFiles } from "./support/certificate-files.ts";
import { eventually } from "./support/eventually.ts";
import { freePort } from "./support/free-port.ts";
import { RedisProcess } from "./support/redis-process.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const SETTLED_MS = 1500;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startRedis(flags: readonly string[] = []): Promise<RedisProcess> {
  const redis = await RedisProcess.start({ flags });
  cleanups.push(() => redis.stop());
  return redis;
}

describe.skipIf(isMissing("redis-server"))("the connection to Redis", () => {
  test("is encrypted with rediss://, and its certificate is checked", async () => {
    const files = makeCertificateFiles();
    cleanups.push(files.remove);
    const { certificateFile: cert, keyFile: key } = files;
    const tlsPort = await freePort();
    const ofServer = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
    await startRedis(["--tls-port", String(tlsPort), "--tls-auth-clients", "no", ...ofServer]);
    const redis = `rediss://localhost:${tlsPort}`;
    const server = await TurnpikeProcess.start({
      flags: ["--secret", "the secret of the tests", "--node-timeout-seconds", "1"],
      env: { ...process.env, TURNPIKE_REDIS: redis, NODE_EXTRA_CA_CERTS: cert },
    });
    cleanups.push(() => server.stop());
    const member = await SignalingClient.open(`ws://127.0.0.1:${server.ports.http}/signal`);
    expect(await member.join("blue-fox")).toMatchObject({ created: true });
    await member.close();
    expect((await server.metrics()).total("turnpike_cluster_ready")).toBe(1);
    // This process does not know the authority.
    const log: string[] = [];
    const logger = createLogger({ level: "warn", stream: { write: (line: string) => void log.push(line) } });
    const mistrustful = createServer(testConfig({ redis, udpEngine: "dgram" }), { logger });
    cleanups.push(() => mistrustful.close());
    await mistrustful.start();
    await eventually(
      "its word of it",
      () => log.join(""),
      (text) => text.includes("self-signed certificate"),
    );
  });

  test("needs no more rights than docs/cluster.md names", async () => {
    const redis = await startRedis();
    const docs = readFileSync(new URL("../../docs/cluster.md", import.meta.url), "utf8");
    const rights = /`(\+eval [^`]*)`/.exec(docs)?.[1];
    expect(await redis.ask(`ACL SETUSER node reset on >guessme ${rights}`)).toBe("+OK\r\n");
    const server = createServer(
      testConfig({ redis: `redis://node:guessme@127.0.0.1:${redis.port}`, udpEngine: "dgram" }),
    );
    cleanups.push(() => server.close());
    const { http } = await server.start();
    await delay(SETTLED_MS);
    const member = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
    expect(await member.join("blue-fox")).toMatchObject({ created: true });
    await member.close();
    expect(await redis.ask("ACL LOG")).toBe("*0\r\n");
  });

  test("leaves nothing open when the server is closed, whether Redis was there or not", async () => {
    const redis = await startRedis();
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    for (const url of [redis.url, nowhere]) {
      const before = await openHandles();
      const server = createServer(testConfig({ redis: url, udpEngine: "dgram" }));
      await server.start();
      await delay(SETTLED_MS);
      expect(await handlesSince(before)).not.toEqual([]);
      await server.close();
      expect(await handlesSince(before)).toEqual([]);
    }
  });
});
