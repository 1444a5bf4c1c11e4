import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createAdminHandler } from "../../src/net/admin-server.ts";
import type { ConnectionLimits } from "../../src/net/connection-count.ts";
import { createRequestHandler, type RequestHandler } from "../../src/net/http-routes.ts";
import type { Listener } from "../../src/net/listen.ts";
import type { StaticFile, StaticFiles } from "../../src/net/static-files.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { roomControl } from "../../src/signaling/room-control.ts";
import { type IpAddress, parseCidr, parseIp } from "../../src/stun/address.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";

const LOOPBACK = parseIp("127.0.0.1") as IpAddress;
const NO_LIMITS: ConnectionLimits = {
  max: 1000,
  maxPerAddress: 1000,
  trustedProxies: [],
  exemptLoopback: false,
};

function file(contentType: string, text: string, sharedAcrossOrigins = false): StaticFile {
  return { contentType, body: Buffer.from(text), etag: `"${text.length}"`, sharedAcrossOrigins };
}

const BUILT: StaticFiles = {
  built: true,
  files: new Map([
    ["/", file("text/html; charset=utf-8", "<!doctype html>")],
    ["/web/style.css", file("text/css; charset=utf-8", "body {}")],
    ["/client.js", file("text/javascript; charset=utf-8", "export {};", true)],
  ]),
};

const open: Listener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

async function serve(request: RequestHandler, connections = NO_LIMITS): Promise<number> {
  const failed = (error: unknown) => expect.unreachable(String(error));
  const listener = await openTcpListener(LOOPBACK, 0, { http: { request }, connections, failed });
  open.push(listener);
  return listener.address.port;
}

function serveAssets(assets = BUILT, isReady = () => true): Promise<number> {
  return serve(createRequestHandler({ assets, isReady }));
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Unlike fetch, sends the path as it is written. */
function ask(
  port: number,
  path: string,
  method = "GET",
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: "127.0.0.1", port, path, method, headers, agent: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => {
          const body = Buffer.concat(chunks).toString();
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Sends raw bytes and gives all that comes back until the server closes. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("close", () => resolve(received));
    socket.on("error", reject);
  });
}

describe("the public port", () => {
  test("serves the call page, with any query", async () => {
    const port = await serveAssets();
    for (const path of ["/", "/?room=a%20b&x=/../"]) {
      const { status, headers, body } = await ask(port, path);
      expect([status, body]).toEqual([200, "<!doctype html>"]);
      expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    }
  });

  test("sends the headers that keep the page to itself", async () => {
    const { headers } = await ask(await serveAssets(), "/");
    expect(headers["content-security-policy"]).toContain("default-src 'self'");
    expect(headers["content-security-policy"]).toContain("connect-src 'self' ws: wss:");
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["permissions-policy"]).toBe("camera=(self), microphone=(self)");
  });

  test("lets other sites import the SDK, and only the SDK", async () => {
    const port = await serveAssets();
    expect((await ask(port, "/client.js")).headers["access-control-allow-origin"]).toBe("*");
    expect((await ask(port, "/")).headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("answers a page that is known already with 304", async () => {
    const port = await serveAssets();
    const { etag } = (await ask(port, "/")).headers;
    expect((await ask(port, "/", "GET", { "if-none-match": String(etag) })).status).toBe(304);
    expect((await ask(port, "/", "GET", { "if-none-match": `"x", W/${etag}` })).status).toBe(304);
    expect((await ask(port, "/", "GET", { "if-none-match": '"x"' })).status).toBe(200);
  });

  test("answers HEAD with the headers alone", async () => {
    const { status, headers, body } = await ask(await serveAssets(), "/", "HEAD");
    expect([status, headers["content-length"], body]).toEqual([200, "15", ""]);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])(
    "answers %s with 405, and GET after that",
    async (method) => {
      const port = await serveAssets();
      const { status, headers } = await ask(port, "/", method);
      expect([status, headers.allow]).toEqual([405, "GET, HEAD"]);
      expect((await ask(port, "/")).status).toBe(200);
    },
  );

  test.each([
    "/../package.json",
    "/web/../package.json",
    "/web/%2e%2e/package.json",
    "/web/..%2fpackage.json",
    "/src/sdk/..\\..\\package.json",
    "//etc/passwd",
    "/web/style.css/",
    "/web/",
    "/constructor",
    "/__proto__",
  ])("answers %s with 404", async (path) => {
    const port = await serveAssets();
    const { status, body } = await ask(port, path);
    expect([status, body]).toEqual([404, "Not found.\n"]);
  });

  test("says that the package is not built, where that is why", async () => {
    const port = await serveAssets({ built: false, files: new Map() });
    for (const path of ["/client.js", "/src/sdk/client.js", "/web/call.js"]) {
      const { status, body } = await ask(port, path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).toContain("npm run build");
    }
    expect((await ask(port, "/other")).body).toBe("Not found.\n");
  });

  test("says what /signal wants", async () => {
    const { status, headers } = await ask(await serveAssets(), "/signal");
    expect([status, headers.upgrade]).toEqual([426, "websocket"]);
  });

  test("is healthy, and ready when the server is", async () => {
    let ready = false;
    const port = await serveAssets(BUILT, () => ready);
    expect((await ask(port, "/healthz")).status).toBe(200);
    expect((await ask(port, "/readyz")).status).toBe(503);
    ready = true;
    expect((await ask(port, "/readyz")).status).toBe(200);
    expect((await ask(port, "/readyz?verbose")).status).toBe(200);
  });

  test("does not read a body: it answers and closes", async () => {
    const port = await serveAssets();
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    expect(await sendRaw(port, head)).toMatch(/^HTTP\/1\.1 405 .*connection: close/is);
    const get = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    expect(await sendRaw(port, get)).toMatch(/^HTTP\/1\.1 200 .*connection: close/is);
    const expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    expect(await sendRaw(port, expecting)).toMatch(/^HTTP\/1\.1 405 /);
  });

  test("refuses headers above the bound and bytes that are not HTTP, and serves the next", async () => {
    const port = await serveAssets();
    expect(await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\nx: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      / 431 /,
    );
    expect(await sendRaw(port, "\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n")).toMatch(/ 400 /);
    expect((await ask(port, "/")).status).toBe(200);
  });
});

describe("connections per address", () => {
  const handler = createRequestHandler({ assets: BUILT, isReady: () => true });

  async function openIdle(port: number): Promise<"open" | "closed"> {
    return new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("close", () => resolve("closed"));
      socket.on("error", () => undefined);
      // An answer shows that this connection was let in.
      socket.on("data", () => resolve("open"));
      socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    });
  }

  test("end at the limit, and the place of one that went is free", async () => {
    const port = await serve(handler, { ...NO_LIMITS, maxPerAddress: 2 });
    const first = await sendRaw(port, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(first).toMatch(/^HTTP\/1\.1 200/);
    expect(await openIdle(port)).toBe("open");
    expect(await openIdle(port)).toBe("open");
    expect(await openIdle(port)).toBe("closed");
  });

  test("are not counted for trusted proxies, nor for loopback that is exempt", async () => {
    const trusted = parseCidr("127.0.0.0/8");
    expect(trusted).toBeDefined();
    const proxies = trusted === undefined ? [] : [trusted];
    const forProxy = await serve(handler, { ...NO_LIMITS, maxPerAddress: 0, trustedProxies: proxies });
    expect(await openIdle(forProxy)).toBe("open");
    const forLoopback = await serve(handler, { ...NO_LIMITS, maxPerAddress: 0, exemptLoopback: true });
    expect(await openIdle(forLoopback)).toBe("open");
  });
});

const NO_DRAIN = () => expect.unreachable("nobody drains it");
const NO_ROOMS = roomControl(() => null);

describe("the admin port", () => {
  test("shows metrics and health, and nothing else", async () => {
    const port = await serve(
      createAdminHandler({
        isReady: () => true,
        renderMetrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "turnpike_rooms 0\n" }),
        rooms: NO_ROOMS,
        drain: NO_DRAIN,
        failed: (error) => expect.unreachable(String(error)),
      }),
    );
    const metrics = await ask(port, "/metrics");
    expect([metrics.status, metrics.body]).toEqual([200, "turnpike_rooms 0\n"]);
    expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4");
    expect((await ask(port, "/healthz")).status).toBe(200);
    expect((await ask(port, "/readyz")).status).toBe(200);
    expect((await ask(port, "/")).status).toBe(404);
    expect((await ask(port, "/metrics", "POST")).status).toBe(405);
  });

  test("answers 500 when the metrics fail, and tells why to the log only", async () => {
    const errors: unknown[] = [];
    const defect = new Error("defect");
    const port = await serve(
      createAdminHandler({
        isReady: () => true,
        renderMetrics: () => Promise.reject(defect),
        rooms: NO_ROOMS,
        drain: NO_DRAIN,
        failed: (error) => errors.push(error),
      }),
    );
    const { status, body } = await ask(port, "/metrics");
    expect([status, body]).toEqual([500, "Metrics failed.\n"]);
    expect(errors).toEqual([defect]);
  });
});

test("closing a listener cuts connections that are idle or in the middle of a request", async () => {
  const port = await serveAssets();
  const halfRequest = sendRaw(port, "GET / HTTP/1.1\r\nHo");
  const idle = sendRaw(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await ask(port, "/healthz");
  await Promise.all(open.splice(0).map((listener) => listener.close()));
  expect(await halfRequest).toBe("");
  expect(await idle).toMatch(/^HTTP\/1\.1 200/);
});

describe("an https listener", () => {
  async function serveTls(maxPerAddress = 1000) {
    const { cert, key } = createSelfSignedCertificate();
    const listener = await openTcpListener(LOOPBACK, 0, {
      http: { request: createRequestHandler({ assets: BUILT, isReady: () => true }) },
      tlsOnly: true,
      tls: { cert: Buffer.from(cert), key: Buffer.from(key) },
      connections: { ...NO_LIMITS, maxPerAddress },
      failed: (error) => expect.unreachable(String(error)),
    });
    open.push(listener);
    return { listener, port: listener.address.port };
  }

  function openSocket(port: number): Promise<Socket> {
    return new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(socket));
      socket.on("error", () => undefined);
    });
  }

  test("cuts connections that are in the middle of the TLS handshake when it closes", async () => {
    const { listener, port } = await serveTls();
    const silent = await openSocket(port);
    const closed = new Promise((resolve) => silent.once("close", resolve));
    await expectHealthy(port);
    const startedAt = performance.now();
    await listener.close();
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test("counts connections before the handshake, and frees the place of one that went", async () => {
    const { port } = await serveTls(1);
    const silent = await openSocket(port);
    await expect(expectHealthy(port)).rejects.toThrow();
    silent.destroy();
    await expect.poll(() => expectHealthy(port).then(() => "ok", String)).toBe("ok");
    await expect.poll(() => expectHealthy(port).then(() => "ok", String)).toBe("ok");
  });

  function expectHealthy(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, path: "/healthz", agent: false, rejectUnauthorized: false };
      const outgoing = httpsRequest(options, (incoming) => {
        incoming.resume();
        incoming.on("end", () => resolve(expect(incoming.statusCode).toBe(200)));
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  }
});
