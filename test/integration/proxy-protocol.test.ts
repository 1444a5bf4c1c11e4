/** Clients behind a trusted proxy that says whose connections it passes on, over HTTP, WebSocket and TURN, with TLS and without. */

import { once } from "node:events";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { formatIp, formatTransportAddress } from "../../src/stun/address.ts";
import { assertSameAddress, assertSuccess } from "../conformance/checks.ts";
import { LOCAL_HEADER, textHeader } from "../support/header-proxy.ts";
import {
  ADA,
  BINDING,
  behind,
  CERTIFICATE,
  cleanUp,
  HEADERS,
  listenerOf,
  OTHER_PROXY,
  openRaw,
  openSignaling,
  openTurn,
  start,
  statusOf,
} from "../support/proxied-bench.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";

afterEach(cleanUp);

describe.each(HEADERS)("a client behind a header of %s", (_name, { source }, header) => {
  test.each([4, 6] as const)(
    "is served on every port, and known by its own address; the proxy over IPv%i",
    async (family) => {
      const bench = await start();
      const [http, tls, turn] = await Promise.all(
        (["http", "tls", "turn"] as const).map((what) => behind(listenerOf(bench, what, family), header)),
      );
      if (http === undefined || tls === undefined || turn === undefined) return expect.unreachable();
      expect([await statusOf("http", http), await statusOf("https", tls)]).toEqual([200, 200]);
      await (await openSignaling("ws", http)).join("blue-fox");
      await (await openSignaling("wss", tls)).join("blue-fox");
      expect(bench.joined).toEqual([formatIp(source), formatIp(source)]);
      for (const client of [await openTurn(turn), await openTurn(http), await openTurn(tls, true)]) {
        assertSameAddress((await client.bind()).mappedAddress, source);
        const allocated = await client.allocate();
        assertSuccess(allocated, "Allocate");
        assertSameAddress(allocated.mappedAddress, source);
        assertSuccess(await client.refresh(0), "Refresh(0)");
      }
      const clients = bench.log.filter(({ msg }) => msg === "allocation closed").map(({ client }) => client);
      expect(clients).toEqual(Array(3).fill(formatTransportAddress(source)));
    },
  );

  test("whose header and first message are cut at any byte", async () => {
    const target = listenerOf(await start(), "http");
    const bytes = Buffer.concat([header, BINDING]);
    async function ask(cut: number): Promise<Buffer> {
      const { socket, received } = await openRaw(target);
      socket.write(bytes.subarray(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 2));
      socket.write(bytes.subarray(cut));
      await expect.poll(() => received().length, { interval: 1 }).toBeGreaterThan(0);
      socket.destroy();
      return received();
    }
    const [whole] = [await ask(bytes.length)];
    for (let cut = 1; cut < bytes.length; cut++) expect(await ask(cut)).toEqual(whole);
  });
});

describe("every byte in a segment of its own", () => {
  test.each(HEADERS)("%s, before HTTP and before TLS", async (_name, _passedOn, header) => {
    const bench = await start();
    const request = Buffer.from("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    async function trickle(socket: Socket, bytes: Buffer): Promise<void> {
      for (const byte of bytes) {
        socket.write(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const plain = await openRaw(listenerOf(bench, "http"));
    await trickle(plain.socket, Buffer.concat([header, request]));
    await plain.closed;
    expect(plain.received().toString()).toMatch(/^HTTP\/1\.1 200/);
    const { socket } = await openRaw(listenerOf(bench, "tls"));
    socket.removeAllListeners("data");
    await trickle(socket, header);
    const secure = connectTls({ socket, ca: CERTIFICATE.cert, servername: "localhost" });
    const parts: Buffer[] = [];
    secure.on("data", (part: Buffer) => parts.push(part));
    secure.end(request);
    await once(secure, "close");
    expect(Buffer.concat(parts).toString()).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe("X-Forwarded-For behind a PROXY header", () => {
  const forwarded = { "x-forwarded-for": "198.51.100.77" };

  test("is the client's own word, and not believed; that of another trusted proxy is", async () => {
    const bench = await start();
    const target = listenerOf(bench, "http");
    for (const passedOn of [ADA, OTHER_PROXY]) {
      const client = await openSignaling("ws", await behind(target, textHeader(passedOn)), forwarded);
      await client.join("blue-fox");
    }
    expect(bench.joined).toEqual([formatIp(ADA.source), forwarded["x-forwarded-for"]]);
  });

  test("is believed of a proxy that sends no header, or one without an address", async () => {
    const bench = await start();
    for (const header of ["", "PROXY UNKNOWN\r\n", LOCAL_HEADER]) {
      const proxy = await behind(listenerOf(bench, "http"), Buffer.from(header));
      const client = await openSignaling("ws", proxy, forwarded);
      await client.join(`room-${bench.joined.length}`);
    }
    expect(bench.joined).toEqual(Array(3).fill(forwarded["x-forwarded-for"]));
  });
});

describe("a trusted proxy that names nobody", () => {
  test.each([
    ["no header", ""],
    ["version 1, unknown", "PROXY UNKNOWN\r\n"],
    ["version 2, LOCAL", LOCAL_HEADER],
  ])("is its own client: %s", async (_name, header) => {
    const bench = await start();
    for (const [what, tls] of [
      ["turn", false],
      ["http", false],
      ["tls", true],
    ] as const) {
      const proxy = await behind(listenerOf(bench, what), Buffer.from(header));
      const { mappedAddress } = await (await openTurn(proxy, tls)).bind();
      expect(mappedAddress && formatIp(mappedAddress)).toBe(formatIp(LOOPBACK_4));
      expect(await statusOf(tls ? "https" : "http", proxy).catch(() => "cut")).toBe(
        what === "turn" ? "cut" : 200,
      );
    }
  });
});
