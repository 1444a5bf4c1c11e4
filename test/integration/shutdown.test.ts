import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

const running: TurnpikeServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start(shutdownSeconds: number): Promise<{ server: TurnpikeServer; port: number }> {
  const server = createServer(testConfig({ shutdownSeconds }));
  running.push(server);
  const { http } = await server.start();
  return { server, port: http[0]?.port ?? 0 };
}

function openClient(port: number): Promise<SignalingClient> {
  return SignalingClient.open(`ws://127.0.0.1:${port}/signal`);
}

describe("a server that closes", () => {
  test("tells its members, ends their rooms and says goodbye, in this order", async () => {
    const { server, port } = await start(1);
    const client = await openClient(port);
    await client.join("blue-fox");
    const closing = server.close();
    expect(await client.next("go-away")).toMatchObject({ graceSeconds: 0 });
    expect(await client.next("room-closed")).toMatchObject({ reason: "shutdown" });
    expect(await client.closed).toEqual({ code: 1001, reason: "server is shutting down" });
    await closing;
  });

  test("does not wait longer than its members need to leave", async () => {
    const { server, port } = await start(60);
    const client = await openClient(port);
    await client.join("blue-fox");
    const closing = server.close();
    expect(await client.next("go-away")).toMatchObject({ graceSeconds: 59 });
    client.send({ type: "leave" });
    expect((await client.closed).code).toBe(1001);
    await closing;
  });

  test("does not wait for members whose sockets are gone", async () => {
    const { server, port } = await start(60);
    const client = await openClient(port);
    await client.join("blue-fox");
    client.webSocket.terminate();
    await server.close();
    expect(server.addresses).toBeUndefined();
  });

  test("is not ready, and lets nobody join, while its members leave", async () => {
    const { server, port } = await start(60);
    const [member, other] = [await openClient(port), await openClient(port)];
    await member.join("blue-fox");
    const closing = server.close();
    await member.next("go-away");
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    other.send({ type: "join", v: 1, room: "red-fox" });
    expect(await other.next("error")).toMatchObject({ code: "draining" });
    member.send({ type: "leave" });
    await closing;
  });

  test("cuts, at its bound, a client that does not answer the goodbye", async () => {
    const { server, port } = await start(0.2);
    const client = await openClient(port);
    await client.join("blue-fox");
    client.webSocket.pause();
    const startedAt = performance.now();
    await server.close();
    expect(performance.now() - startedAt).toBeLessThan(2000);
    client.webSocket.resume();
    await client.closed;
  });

  test("cuts connections that never became requests", async () => {
    const { server, port } = await start(0);
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await fetch(`http://127.0.0.1:${port}/healthz`);
    await server.close();
    await closed;
  });
});
