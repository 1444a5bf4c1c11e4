/** What trusted proxies do not change: limits hold for their clients, and what is no PROXY header of theirs is closed. */

import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { formatIp } from "../../src/stun/address.ts";
import { allocate, assertSuccess } from "../conformance/checks.ts";
import { binaryHeader, LOCAL_HEADER, textHeader } from "../support/header-proxy.ts";
import {
  ADA,
  BINDING,
  BOB,
  behind,
  CERTIFICATE,
  cleanUp,
  cleanups,
  expectServes,
  HEADERS,
  isServed,
  listenerOf,
  openRaw,
  openSignaling,
  openTurn,
  STRANGER,
  start,
  statusOf,
  TRUSTED,
} from "../support/proxied-bench.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";

afterEach(cleanUp);

describe("what counts per address counts by the header's", () => {
  test("WebSockets", async () => {
    const bench = await start({ limits: { maxConnectionsPerAddress: 1 } });
    for (const [scheme, target] of [
      ["ws", listenerOf(bench, "http")],
      ["wss", listenerOf(bench, "tls")],
    ] as const) {
      const [ada, bob] = [await behind(target, textHeader(ADA)), await behind(target, textHeader(BOB))];
      const first = await openSignaling(scheme, ada);
      await expect(openSignaling(scheme, ada)).rejects.toThrow("429");
      const other = await openSignaling(scheme, bob);
      await first.close();
      await expect.poll(() => openSignaling(scheme, ada).then((again) => again.close())).toBeUndefined();
      await other.close();
    }
  });

  test("TURN connections: whoever is above is cut, others are not, and a place that was left is free", async () => {
    const bench = await start({ limits: { maxTurnConnectionsPerAddress: 2 } });
    for (const [what, tls] of [
      ["turn", false],
      ["tls", true],
    ] as const) {
      const target = listenerOf(bench, what);
      const [ada, bob] = [await behind(target, binaryHeader(ADA)), await behind(target, binaryHeader(BOB))];
      const open = [await openTurn(ada, tls), await openTurn(ada, tls)];
      for (const client of open) assertSuccess(await client.bind(), "Binding within the limit");
      expect(await isServed(ada, tls)).toBe(false);
      expect(await isServed(bob, tls)).toBe(true);
      await Promise.all(open.map((client) => client.close()));
      await expect.poll(() => isServed(ada, tls)).toBe(true);
    }
  });

  test("allocations, and nonces are bound to it", async () => {
    const bench = await start({ limits: { maxAllocationsPerAddress: 1 } });
    const target = listenerOf(bench, "turn");
    const [ada, bob] = [await behind(target, textHeader(ADA)), await behind(target, textHeader(BOB))];
    const [first, second, other] = [await openTurn(ada), await openTurn(ada), await openTurn(bob)];
    await allocate(first);
    expect((await second.allocate()).outcome).toBe(486);
    const { nonce } = await first.authentication();
    expect((await other.request(3, [], { nonce })).outcome).toBe(438);
    await allocate(other);
  });

  test("and the bound on all connections holds for those behind proxies too", async () => {
    const listener = await openTcpListener(LOOPBACK_4, 0, {
      http: { request: (_request, response) => response.end("ok") },
      connections: { max: 2, maxPerAddress: 1, trustedProxies: TRUSTED, exemptLoopback: false },
      failed: (error) => expect.unreachable(String(error)),
    });
    cleanups.push(() => listener.close());
    for (let round = 0; round < 3; round++) {
      const [ada, silent] = [await openRaw(listener.address), await openRaw(listener.address)];
      ada.socket.write(textHeader(ADA));
      await (await openRaw(listener.address)).closed;
      ada.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await expect.poll(() => ada.received().toString()).toMatch(/^HTTP\/1\.1 200/);
      silent.socket.write(textHeader(ADA));
      await silent.closed;
      ada.socket.destroy();
      await expect
        .poll(async () =>
          statusOf("http", await behind(listener.address, textHeader(ADA))).catch(() => "cut"),
        )
        .toBe(200);
    }
  });
});

test("from an address that is not trusted a header is garbage, and closed as garbage is", async () => {
  const bench = await start();
  for (const what of ["turn", "http", "tls"] as const) {
    for (const header of [textHeader(ADA), binaryHeader(ADA), LOCAL_HEADER]) {
      const { socket, closed, received } = await openRaw(listenerOf(bench, what), STRANGER);
      socket.write(Buffer.concat([header, BINDING]));
      await closed;
      // node:http says of text what it says of every method that it does not know.
      const isRefusedByHttp = what === "http" && header.equals(textHeader(ADA));
      expect(received().toString()).toMatch(isRefusedByHttp ? /^HTTP\/1\.1 400/ : /^$/);
    }
    const { socket, received } = await openRaw(listenerOf(bench, "turn"), STRANGER);
    socket.write(BINDING);
    await expect.poll(() => received().length).toBeGreaterThan(0);
  }
  await expectServes(bench);
});

test("a malformed header is closed and told of in the log, and the next connection is served", async () => {
  const bench = await start();
  const malformed = ["PROXY TCP4 203.0.113.9\r\n", `PROXY ${"x".repeat(107)}`, "\r\n\r\n\0\r\nQUIT\n!!!!"];
  for (const what of ["turn", "http", "tls"] as const) {
    for (const bytes of malformed) {
      const { socket, closed, received } = await openRaw(listenerOf(bench, what));
      socket.write(Buffer.concat([Buffer.from(bytes, "latin1"), BINDING]));
      await closed;
      expect(received().toString()).toBe("");
      await expectServes(bench);
    }
  }
  const warnings = bench.log.filter(({ msg }) => msg.includes("PROXY header"));
  expect(warnings).toMatchObject([{ level: "warn", proxy: formatIp(LOOPBACK_4) }]);
});

test("headers that are malformed, cut off or over a limit give their place back", async () => {
  const refused: string[] = [];
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    http: { request: (_request, response) => response.end("ok") },
    connections: { max: 1, maxPerAddress: 1, trustedProxies: TRUSTED, exemptLoopback: false },
    proxyHeaderRefused: (proxy) => refused.push(proxy),
    failed: (error) => expect.unreachable(String(error)),
  });
  cleanups.push(() => listener.close());
  const damaged = HEADERS.map(([, , header]) => Buffer.concat([header.subarray(0, 5), Buffer.alloc(200)]));
  const cutOff = HEADERS.map(([, , header]) => header.subarray(0, -1));
  for (const bytes of [...damaged, ...cutOff]) {
    const { socket, closed } = await openRaw(listener.address);
    socket.end(bytes);
    await closed;
    const served = async () =>
      statusOf("http", await behind(listener.address, textHeader(ADA))).catch(() => "cut");
    await expect.poll(served).toBe(200);
  }
  expect(refused).toContain(formatIp(LOOPBACK_4));
});

test("one header is all there is: a second one, and one inside TLS, is garbage", async () => {
  const bench = await start();
  const { socket, closed } = await openRaw(listenerOf(bench, "turn"));
  socket.write(Buffer.concat([binaryHeader(ADA), binaryHeader(BOB), BINDING]));
  await closed;
  const { ip, port } = (await behind(listenerOf(bench, "tls"), binaryHeader(ADA))).address;
  const secure = connectTls({ host: ip, port, ca: CERTIFICATE.cert, servername: "localhost" });
  await once(secure, "secureConnect");
  secure.on("error", () => undefined);
  secure.resume();
  secure.write(binaryHeader(BOB));
  await once(secure, "close");
  await expectServes(bench);
});

test("a header that is late is cut, however far it has come", async () => {
  const firstBytesMs = 200;
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    http: { request: (_request, response) => response.end("ok") },
    connections: { max: 100, maxPerAddress: 1, trustedProxies: TRUSTED, exemptLoopback: false },
    firstBytesMs,
    failed: (error) => expect.unreachable(String(error)),
  });
  cleanups.push(() => listener.close());
  const startedAt = performance.now();
  const starts = HEADERS.flatMap(([, , header]) =>
    [0, 1, header.length - 1].map((end) => header.subarray(0, end)),
  );
  const slow = await Promise.all(starts.map(() => openRaw(listener.address)));
  for (const [index, { socket }] of slow.entries()) socket.write(starts[index] ?? "");
  const trickle = setInterval(() => slow[0]?.socket.write(""), firstBytesMs / 10);
  await Promise.all(slow.map(({ closed }) => closed));
  clearInterval(trickle);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(firstBytesMs * 0.9);
  expect(await statusOf("http", await behind(listener.address, textHeader(ADA)))).toBe(200);
});
