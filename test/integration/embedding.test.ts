import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ConfigError, createServer, type TurnpikeServer } from "../../src/index.ts";
import { SignalingClient } from "../support/signaling-client.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const LOCAL = {
  hosts: ["127.0.0.1"],
  httpPort: 0,
  turnPort: 0,
  dev: true,
  logLevel: "silent",
  shutdownSeconds: 0,
} as const;

function create(options: Parameters<typeof createServer>[0] = {}): TurnpikeServer {
  const server = createServer({ ...LOCAL, ...options });
  cleanups.push(() => server.close());
  return server;
}

/** A program that has an HTTP server already. */
async function ownServer(
  answer: Parameters<typeof createHttpServer>[1],
): Promise<{ http: Server; port: number }> {
  const http = createHttpServer({}, answer);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    http.closeAllConnections();
    return new Promise((resolve) => http.close(resolve));
  });
  return { http, port: (http.address() as AddressInfo).port };
}

describe("createServer in somebody's program", () => {
  test("opens no admin port and installs no signal handler unless it is asked to", async () => {
    const signals = ["SIGTERM", "SIGINT", "uncaughtException", "unhandledRejection"] as const;
    const before = signals.map((name) => process.listenerCount(name));
    const { http, turn, admin, tls } = await create().start();
    expect([http.length, turn.length, admin.length, tls.length]).toEqual([1, 1, 0, 0]);
    expect(signals.map((name) => process.listenerCount(name))).toEqual(before);
  });

  test("opens the admin port that it is given", async () => {
    const { admin } = await create({ adminPort: 0 }).start();
    expect((await fetch(`http://127.0.0.1:${admin[0]?.port}/metrics`)).status).toBe(200);
  });

  test("may take the number of an admin port that is not opened", () => {
    const httpPort = 9090;
    expect(() => create({ httpPort, adminPort: httpPort })).toThrow("is the same port as httpPort");
    expect(create({ httpPort }).addresses).toBeUndefined();
  });

  test("throws one error that lists everything that is wrong", () => {
    const wrong = { httpPort: 70_000, hosts: ["nowhere"], roomSize: 0, unknownKey: 1 };
    const createWrong = () => createServer(wrong as never);
    expect(createWrong).toThrow(ConfigError);
    for (const key of Object.keys(wrong)) expect(createWrong).toThrow(key);
  });

  test("asks the authorize hook, which may rename", async () => {
    const server = create({ authorize: ({ token }) => ({ ok: token === "yes", name: "Ada" }) });
    const { http } = await server.start();
    const url = `ws://127.0.0.1:${http[0]?.port}/signal`;
    const [first, second] = [await SignalingClient.open(url), await SignalingClient.open(url)];
    await first.join("blue-fox", { token: "yes", name: "somebody" });
    expect((await second.join("blue-fox", { token: "yes" })).peers).toMatchObject([{ name: "Ada" }]);
    const refused = await SignalingClient.open(url);
    refused.send({ type: "join", v: 1, room: "red-fox", token: "no" });
    expect(await refused.next("error")).toMatchObject({ code: "unauthorized" });
  });

  test("two servers live side by side", async () => {
    const [first, second] = [await create().start(), await create().start()];
    for (const { http } of [first, second]) {
      const client = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
      expect((await client.join("blue-fox")).created).toBe(true);
    }
  });
});

describe("on an existing http.Server", () => {
  test("signaling works beside the program's own pages, and TURN has its port", async () => {
    const { http, port } = await ownServer((_request, response) => response.end("theirs"));
    const addresses = await create({ server: http }).start();
    expect(addresses.http).toEqual([]);
    expect(addresses.turn).toHaveLength(1);
    const client = await SignalingClient.open(`ws://127.0.0.1:${port}/signal`);
    const { iceServers } = await client.join("blue-fox");
    expect(JSON.stringify(iceServers)).toContain(`turn:127.0.0.1:${addresses.turn[0]?.port}`);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("theirs");
  });

  test("close ends the calls, takes the listener off and leaves the server open", async () => {
    const { http, port } = await ownServer((_request, response) => response.end("theirs"));
    const server = create({ server: http });
    await server.start();
    const client = await SignalingClient.open(`ws://127.0.0.1:${port}/signal`);
    await client.join("blue-fox");
    await server.close();
    expect((await client.closed).code).toBe(1001);
    expect(http.listenerCount("upgrade")).toBe(0);
    expect(http.listening).toBe(true);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("theirs");
  });

  test("handleRequest takes the SDK's paths and leaves all others to the program", async () => {
    const server = create();
    const { port } = await ownServer((request, response) => {
      if (!server.handleRequest(request, response)) response.end("theirs");
    });
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    // Not started yet: nothing is ours.
    expect(await (await ask("/client.js")).text()).toBe("theirs");
    await server.start();
    // 404 in a checkout that was not built; the module otherwise. Ours in both cases.
    const sdk = await ask("/client.js");
    expect([200, 404]).toContain(sdk.status);
    expect(await sdk.text()).not.toBe("theirs");
    for (const path of ["/", "/healthz", "/web/style.css", "/signal"]) {
      expect(await (await ask(path)).text()).toBe("theirs");
    }
    await server.close();
    expect(await (await ask("/client.js")).text()).toBe("theirs");
  });
});
