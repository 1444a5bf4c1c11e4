/** A renewed certificate is used from the next handshake on, and whatever is open stays open. */

import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CertificateFiles } from "../../src/net/certificate-files.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { type Certificate, createSelfSignedCertificate } from "../support/self-signed.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";

const LIMITS = { max: 100, maxPerAddress: 100, trustedProxies: [], exemptLoopback: false };
const SECONDS_BETWEEN_LOOKS = 10;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "turnpike-renewal-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
});

const inFolder = (...names: string[]) => join(folder, ...names);

function write({ cert, key }: Certificate, ...names: string[]): void {
  mkdirSync(inFolder(...names), { recursive: true });
  writeFileSync(inFolder(...names, "cert.pem"), cert);
  writeFileSync(inFolder(...names, "key.pem"), key);
}

async function open(...names: string[]) {
  const time = { nowMs: 0 };
  const failures: unknown[] = [];
  const files = await CertificateFiles.open({
    certFile: inFolder(...names, "cert.pem"),
    keyFile: inFolder(...names, "key.pem"),
    clock: () => time.nowMs,
    failed: (error) => failures.push(error),
  });
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    http: { request: (_request, response) => response.end("ok") },
    tls: files.current,
    tlsOnly: true,
    connections: LIMITS,
    failed: (error) => expect.unreachable(String(error)),
  });
  cleanups.push(() => listener.close());
  files.onChange((changed) => listener.useCertificate(changed));
  return {
    failures,
    port: listener.address.port,
    async sweepAfter(seconds: number) {
      time.nowMs += seconds * 1000;
      await files.sweep();
    },
  };
}

/** Rejects where the server has another certificate. */
async function handshake(port: number, { cert }: Certificate): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", ca: cert, servername: "localhost" });
  await once(socket, "secureConnect");
  cleanups.push(() => socket.destroy());
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [answer] = await once(socket, "data");
  return String(answer);
}

test("files that are written over", async () => {
  const [old, renewed] = [createSelfSignedCertificate(), createSelfSignedCertificate()];
  write(old);
  const bench = await open();
  const before = await handshake(bench.port, old);
  write(renewed);
  await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  const after = await handshake(bench.port, renewed);
  for (const socket of [before, after]) expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200/);
  expect(after.getProtocol()).toBe("TLSv1.3");
  await expect(handshake(bench.port, old)).rejects.toThrow(/self-signed/);
});

test("links that point elsewhere, as certbot turns them", async () => {
  const [old, renewed] = [createSelfSignedCertificate(), createSelfSignedCertificate()];
  write(old, "archive", "1");
  write(renewed, "archive", "2");
  symlinkSync(inFolder("archive", "1"), inFolder("live"));
  const bench = await open("live");
  await handshake(bench.port, old);
  unlinkSync(inFolder("live"));
  symlinkSync(inFolder("archive", "2"), inFolder("live"));
  await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  await handshake(bench.port, renewed);
});

test("a pair that does not fit is told of once and not used; the next whole one is", async () => {
  const [old, renewed] = [createSelfSignedCertificate(), createSelfSignedCertificate()];
  write(old);
  const bench = await open();
  writeFileSync(inFolder("cert.pem"), renewed.cert);
  for (let i = 0; i < 3; i++) await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  expect(bench.failures).toHaveLength(1);
  await handshake(bench.port, old);
  writeFileSync(inFolder("key.pem"), renewed.key);
  await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  await handshake(bench.port, renewed);
});

test("files that are gone for a while do no harm", async () => {
  const [old, renewed] = [createSelfSignedCertificate(), createSelfSignedCertificate()];
  write(old);
  const bench = await open();
  renameSync(inFolder("key.pem"), inFolder("key.old"));
  for (let i = 0; i < 3; i++) await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  expect(bench.failures).toHaveLength(1);
  await handshake(bench.port, old);
  write(renewed);
  await bench.sweepAfter(SECONDS_BETWEEN_LOOKS);
  await handshake(bench.port, renewed);
});

test("the files are looked at every ten seconds, no oftener", async () => {
  const [old, renewed] = [createSelfSignedCertificate(), createSelfSignedCertificate()];
  write(old);
  const bench = await open();
  write(renewed);
  await bench.sweepAfter(SECONDS_BETWEEN_LOOKS - 1);
  await handshake(bench.port, old);
  await bench.sweepAfter(1);
  await handshake(bench.port, renewed);
});
