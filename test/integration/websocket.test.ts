import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { attachUpgrade } from "../../src/net/attach.ts";
import { createRequestHandler } from "../../src/net/http-routes.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { WebSocketEndpoint, type WebSocketEndpointOptions } from "../../src/net/websocket-endpoint.ts";
import type { Connection, ConnectionInfo, SignalingLink } from "../../src/signaling/ports.ts";
import { type Cidr, type IpAddress, parseCidr, parseIp } from "../../src/stun/address.ts";

const LOOPBACK = parseIp("127.0.0.1") as IpAddress;
const TRUST_LOOPBACK: readonly Cidr[] = [parseCidr("127.0.0.0/8") as Cidr];

/** Stands for the hub: keeps what it was told, and lets the test answer. */
class FakeConnection implements Connection {
  readonly link: SignalingLink;
  readonly info: ConnectionInfo;
  readonly events: string[] = [];
  onText: (text: string) => void = () => undefined;

  constructor(link: SignalingLink, info: ConnectionInfo) {
    this.link = link;
    this.info = info;
  }

  receiveText(text: string): void {
    this.events.push(text.length > 100 ? `text of ${text.length}` : text);
    this.onText(text);
  }
  receiveBinary(): void {
    this.events.push("(binary)");
  }
  receivePong(): void {
    this.events.push("(pong)");
  }
  closed(): void {
    this.events.push("(closed)");
  }
}

class Bench {
  readonly connections: FakeConnection[] = [];
  readonly errors: unknown[] = [];
  readonly refusedOrigins: string[] = [];
  readonly endpoint: WebSocketEndpoint;

  constructor(options: Partial<WebSocketEndpointOptions> = {}) {
    this.endpoint = new WebSocketEndpoint({
      connect: (link, info) => {
        const connection = new FakeConnection(link, info);
        this.connections.push(connection);
        return connection;
      },
      maxMessageBytes: 1000,
      maxConnections: 100,
      maxConnectionsPerAddress: 100,
      trustedProxies: [],
      allowedOrigins: [],
      exemptLoopback: false,
      originRefused: (origin) => this.refusedOrigins.push(origin),
      failed: (error) => this.errors.push(error),
      ...options,
    });
  }

  get only(): FakeConnection {
    const [connection, ...others] = this.connections;
    if (connection === undefined || others.length > 0)
      throw new Error(`${this.connections.length} connections`);
    return connection;
  }
}

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(bench: Bench): Promise<number> {
  const listener = await openTcpListener(LOOPBACK, 0, {
    http: {
      request: createRequestHandler({ assets: { built: true, files: new Map() }, isReady: () => true }),
      upgrade: bench.endpoint.handleUpgrade,
    },
    connections: { max: 1000, maxPerAddress: 1000, trustedProxies: [], exemptLoopback: true },
    failed: (error) => bench.errors.push(error),
  });
  cleanups.push(() => {
    bench.endpoint.terminateAll();
    return listener.close();
  });
  return listener.address.port;
}

interface ConnectOptions {
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** The open WebSocket, or the HTTP status with which it was refused. */
function dial(
  port: number,
  { path = "/signal", headers = {} }: ConnectOptions = {},
): Promise<WebSocket | number> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    webSocket.on("open", () => resolve(webSocket));
    webSocket.on("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    webSocket.on("error", reject);
  });
}

async function dialOpen(port: number, options: ConnectOptions = {}): Promise<WebSocket> {
  const webSocket = await dial(port, options);
  if (typeof webSocket === "number") throw new Error(`refused with ${webSocket}`);
  return webSocket;
}

function nextMessage(webSocket: WebSocket): Promise<string> {
  return new Promise((resolve) => webSocket.once("message", (data) => resolve(String(data))));
}

function closeOf(webSocket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => {
    webSocket.once("close", (code, reason) => resolve({ code, reason: String(reason) }));
  });
}

/** Counts the pieces in which the server's bytes arrive from now on. */
function packetsOf(webSocket: WebSocket): () => number {
  let packets = 0;
  // @ts-expect-error `ws` keeps its socket for itself.
  (webSocket._socket as Socket).on("data", () => packets++);
  return () => packets;
}

/** Waits for a socket's event to reach the other end of loopback. */
async function eventually(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5, timeout: 5000 }).toBe(true);
}

describe("a WebSocket at /signal", () => {
  test("carries text both ways, and closes with code and reason", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    bench.only.onText = (text) => bench.only.link.send(`echo ${text}`);
    webSocket.send("hello");
    expect(await nextMessage(webSocket)).toBe("echo hello");
    const closed = closeOf(webSocket);
    bench.only.link.close(4008, "heartbeat");
    expect(await closed).toEqual({ code: 4008, reason: "heartbeat" });
    await eventually(() => bench.endpoint.size === 0);
    expect(bench.only.events).toEqual(["hello", "(closed)"]);
  });

  test("keeps the order of messages that leave in one tick", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const received: string[] = [];
    webSocket.on("message", (data) => received.push(String(data)));
    for (let i = 0; i < 50; i++) bench.only.link.send(String(i));
    bench.only.link.close(1000, "");
    await closeOf(webSocket);
    expect(received).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  test("what may leave soon leaves in one packet with what comes next, in order", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const received: string[] = [];
    webSocket.on("message", (data) => received.push(String(data)));
    const packets = packetsOf(webSocket);
    bench.only.link.send("1", "soon");
    bench.only.link.send("2", "soon");
    bench.only.link.send("3");
    bench.only.link.send("4", "soon");
    await eventually(() => received.length === 4);
    expect(received).toEqual(["1", "2", "3", "4"]);
    expect(packets()).toBe(1);
  });

  test("what may leave soon leaves by itself, all of it in one packet", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const received: string[] = [];
    webSocket.on("message", (data) => received.push(String(data)));
    const packets = packetsOf(webSocket);
    bench.only.link.send("1", "soon");
    await new Promise((resolve) => setImmediate(resolve));
    bench.only.link.send("2", "soon");
    await eventually(() => received.length === 2);
    expect(packets()).toBe(1);
  });

  test.each([
    ["a ping", (link: SignalingLink) => link.ping(), "ping"],
    ["the goodbye", (link: SignalingLink) => link.close(1000, ""), "close"],
  ] as const)("%s comes behind all that waits", async (_name, act, event) => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const seen: string[] = [];
    webSocket.on("message", (data) => seen.push(String(data)));
    webSocket.on(event, () => seen.push(event));
    bench.only.link.send("1", "soon");
    bench.only.link.send("2");
    act(bench.only.link);
    await eventually(() => seen.length === 3);
    expect(seen).toEqual(["1", "2", event]);
  });

  test("the end of the endpoint comes behind all that waits", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const message = nextMessage(webSocket);
    const closed = closeOf(webSocket);
    bench.only.link.send("last words", "soon");
    bench.endpoint.closeAll(1001, "");
    expect(await message).toBe("last words");
    expect(await closed).toMatchObject({ code: 1001 });
  });

  test("tells of binary messages and pongs", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    bench.only.link.ping();
    await eventually(() => bench.only.events.length === 1);
    webSocket.send(Buffer.from([1, 2, 3]));
    await eventually(() => bench.only.events.length === 2);
    expect(bench.only.events).toEqual(["(pong)", "(binary)"]);
  });

  test("passes on a message that is too large, so that it can be answered", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    webSocket.send("x".repeat(3999));
    await eventually(() => bench.only.events.length === 1);
    expect(bench.only.events).toEqual(["text of 3999"]);
  });

  test("ends with 1009 on a message far above the limit, and the next connection works", async () => {
    const bench = new Bench();
    const port = await serve(bench);
    const webSocket = await dialOpen(port);
    const closed = closeOf(webSocket);
    webSocket.send("x".repeat(4001));
    expect((await closed).code).toBe(1009);
    await expect.poll(() => bench.only.events).toEqual(["(closed)"]);
    (await dialOpen(port)).terminate();
  });

  test("ends with 1007 on text that is not UTF-8", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const closed = closeOf(webSocket);
    webSocket.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect((await closed).code).toBe(1007);
  });

  test("ends with 1008 on a message in too many pieces", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const closed = closeOf(webSocket);
    for (let i = 0; i < 300; i++) webSocket.send("x", { fin: false });
    expect((await closed).code).toBe(1008);
  });

  test("is cut by terminate, and sending after that does nothing", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    const closed = closeOf(webSocket);
    bench.only.link.terminate();
    bench.only.link.send("late");
    bench.only.link.ping();
    bench.only.link.close(1000, "late");
    expect((await closed).code).toBe(1006);
    await eventually(() => bench.only.events.length === 1);
    expect(bench.only.events).toEqual(["(closed)"]);
  });

  test("shows how much waits for a client that does not read", async () => {
    const bench = new Bench();
    const webSocket = await dialOpen(await serve(bench));
    webSocket.pause();
    expect(bench.only.link.bufferedBytes).toBe(0);
    for (let i = 0; i < 40; i++) bench.only.link.send("x".repeat(1_000_000));
    expect(bench.only.link.bufferedBytes).toBeGreaterThan(1_000_000);
  });

  test("ends with 1011 when its receiver throws; the process and the others go on", async () => {
    const bench = new Bench();
    const port = await serve(bench);
    const webSocket = await dialOpen(port);
    const defect = new Error("defect");
    bench.only.onText = () => {
      throw defect;
    };
    const closed = closeOf(webSocket);
    webSocket.send("hello");
    expect((await closed).code).toBe(1011);
    expect(bench.errors).toEqual([defect]);
    (await dialOpen(port)).terminate();
  });

  test("does not outlive a hub that refuses it", async () => {
    const bench = new Bench({
      connect(link) {
        link.close(1013, "server full");
        return undefined;
      },
    });
    const webSocket = await dialOpen(await serve(bench));
    expect(await closeOf(webSocket)).toEqual({ code: 1013, reason: "server full" });
    await eventually(() => bench.endpoint.size === 0);
  });
});

describe("an upgrade is refused", () => {
  test.each(["/", "/other", "/signal/", "/signal//", "/SIGNAL"])("on the path %s, with 404", async (path) => {
    const port = await serve(new Bench());
    expect(await dial(port, { path })).toBe(404);
    (await dialOpen(port, { path: "/signal?any=query" })).terminate();
  });

  test("with 403 from an origin that is not on the list; a program without origin is no browser", async () => {
    const bench = new Bench({ allowedOrigins: ["https://app.example"] });
    const port = await serve(bench);
    const refused = ["https://evil.example", "https://app.example.evil.example", "null", ""];
    for (const origin of refused) expect(await dial(port, { headers: { origin } })).toBe(403);
    expect(bench.refusedOrigins).toEqual(refused);
    (await dialOpen(port, { headers: { origin: "https://app.example" } })).terminate();
    (await dialOpen(port)).terminate();
  });

  test("with 403 from another scheme or port of its own host, and not from its own page", async () => {
    const port = await serve(new Bench({ allowedOrigins: ["https://app.example"] }));
    const own = `http://127.0.0.1:${port}`;
    for (const origin of [own.replace("http:", "https:"), "http://127.0.0.1", "http://localhost"]) {
      expect(await dial(port, { headers: { origin } })).toBe(403);
    }
    (await dialOpen(port, { headers: { origin: own } })).terminate();
  });

  test("with 429 above the connections of one address, until one of them is gone", async () => {
    const bench = new Bench({ maxConnectionsPerAddress: 2, trustedProxies: TRUST_LOOPBACK });
    const port = await serve(bench);
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const first = await dialOpen(port, from("203.0.113.1"));
    await dialOpen(port, from("203.0.113.1"));
    expect(await dial(port, from("203.0.113.1"))).toBe(429);
    await dialOpen(port, from("203.0.113.2"));
    first.terminate();
    await eventually(() => bench.endpoint.size === 2);
    await dialOpen(port, from("203.0.113.1"));
  });

  test("with 503 above the connections in all", async () => {
    const bench = new Bench({ maxConnections: 1 });
    const port = await serve(bench);
    await dialOpen(port);
    expect(await dial(port)).toBe(503);
  });

  test("with 503 once the endpoint is closing", async () => {
    const bench = new Bench();
    const port = await serve(bench);
    const webSocket = await dialOpen(port);
    const closed = closeOf(webSocket);
    bench.endpoint.closeAll(1001, "going away");
    expect(await closed).toEqual({ code: 1001, reason: "going away" });
    expect(await dial(port)).toBe(503);
  });

  test("when the handshake is no WebSocket's, and a proper one after it is accepted", async () => {
    const port = await serve(new Bench());
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(port, "127.0.0.1", () => {
        socket.write("GET /signal HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      });
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    (await dialOpen(port)).terminate();
  });
});

describe("what the hub is told about a client", () => {
  test("is the socket's address, the name it used and that it is not https", async () => {
    const bench = new Bench();
    await dialOpen(await serve(bench), {
      headers: { host: "call.example:8080", "x-forwarded-for": "203.0.113.1" },
    });
    expect(bench.only.info).toEqual({
      address: "127.0.0.1",
      host: "call.example",
      secure: false,
      exemptFromLimits: false,
    });
  });

  test("is what a trusted proxy says", async () => {
    const bench = new Bench({ trustedProxies: TRUST_LOOPBACK, exemptLoopback: true });
    await dialOpen(await serve(bench), {
      headers: {
        "x-forwarded-for": "203.0.113.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "call.example",
      },
    });
    expect(bench.only.info).toEqual({
      address: "203.0.113.1",
      host: "call.example",
      secure: true,
      exemptFromLimits: false,
    });
  });

  test("is that loopback is exempt, under --dev only", async () => {
    const bench = new Bench({ exemptLoopback: true, maxConnectionsPerAddress: 0 });
    await dialOpen(await serve(bench));
    expect(bench.only.info.exemptFromLimits).toBe(true);
  });
});

/** As curl --http2 and Java's HttpClient ask by default. Gives all that comes back. */
function offerHttp2(port: number, path: string, more = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8");
    let received = "";
    socket.on("data", (chunk: string) => {
      received += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n${more}\r\n`,
    );
  });
}

describe("an upgrade to something else than a WebSocket", () => {
  test("is passed over: the request is answered, and the connection closed", async () => {
    const bench = new Bench();
    const port = await serve(bench);
    expect(await offerHttp2(port, "/healthz")).toMatch(
      /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n.*ok\n$/is,
    );
    expect(await offerHttp2(port, "/signal")).toMatch(/^HTTP\/1\.1 426 /);
    expect(bench.connections).toEqual([]);
    (await dialOpen(port)).terminate();
  });

  test("is refused where the request has a body, which nobody would read", async () => {
    const port = await serve(new Bench());
    expect(await offerHttp2(port, "/healthz", "Content-Length: 5\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    (await dialOpen(port)).terminate();
  });
});

describe("on somebody else's server", () => {
  async function ownServer(): Promise<{ server: Server; port: number }> {
    const server = createServer((_request, response) => response.end("theirs"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return { server, port: (server.address() as AddressInfo).port };
  }

  test("signaling answers /signal, refuses other paths, and leaves when it is told", async () => {
    const bench = new Bench();
    const { server, port } = await ownServer();
    const detach = attachUpgrade(server, bench.endpoint);
    (await dialOpen(port)).terminate();
    expect(await dial(port, { path: "/other" })).toBe(404);
    detach();
    detach();
    expect(server.listenerCount("upgrade")).toBe(0);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("theirs");
  });

  test("a request that offers another protocol is answered by the program, as before", async () => {
    const bench = new Bench();
    const { server, port } = await ownServer();
    cleanups.push(attachUpgrade(server, bench.endpoint));
    expect(await offerHttp2(port, "/page")).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\ntheirs$/s);
    (await dialOpen(port)).terminate();
  });

  test("other paths are left to the server's other listeners", async () => {
    const bench = new Bench();
    const { server, port } = await ownServer();
    cleanups.push(attachUpgrade(server, bench.endpoint));
    server.on("upgrade", function theirs(request, socket: Socket) {
      if (request.url === "/theirs") socket.end("HTTP/1.1 418 Theirs\r\nContent-Length: 0\r\n\r\n");
    });
    expect(await dial(port, { path: "/theirs" })).toBe(418);
    (await dialOpen(port)).terminate();
  });
});
