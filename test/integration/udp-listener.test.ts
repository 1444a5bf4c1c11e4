/** The TURN port on a machine with several addresses: 127.0.0.1 is one of them everywhere. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { ListenError } from "../../src/net/listen.ts";
import { ownAddresses } from "../../src/net/relay-addresses.ts";
import { createServer } from "../../src/server.ts";
import { formatIp, type IpAddress, parseIp } from "../../src/stun/address.ts";
import { METHOD } from "../../src/stun/registry.ts";
import { testConfig } from "../support/test-config.ts";
import { encodeRequest } from "../support/turn-request.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const EVERY_IPV4 = parseIp("0.0.0.0") as IpAddress;
const EVERY_IPV6 = parseIp("::") as IpAddress;

async function start(turnPort = 0): Promise<number> {
  const hosts = [EVERY_IPV4, EVERY_IPV6];
  const server = createServer(testConfig({ hosts, hostsAreDefault: true, turnPort }));
  cleanups.push(() => server.close());
  return (await server.start()).turn[0]?.port ?? 0;
}

/** Where the answer to a Binding request comes from. */
async function answerSource(from: string, to: string, port: number): Promise<string> {
  const socket = createSocket(to.includes(":") ? "udp6" : "udp4");
  cleanups.push(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  const answered = once(socket, "message");
  socket.send(encodeRequest(METHOD.binding, [], undefined), port, to);
  const [, rinfo] = await answered;
  return `${rinfo.address} ${rinfo.port}`;
}

test("an answer leaves from the address that the request went to, whichever the client's is", async () => {
  const port = await start();
  const addresses = ownAddresses();
  for (const family of [4, 6]) {
    const ips = addresses.filter((ip) => ip.family === family).map(formatIp);
    for (const to of ips)
      for (const from of ips) expect(await answerSource(from, to, port)).toBe(`${to} ${port}`);
  }
  expect(addresses.map(formatIp)).toContain("127.0.0.1");
});

test("the port is still nobody else's: a second server on it does not start", async () => {
  const port = await start();
  await expect(start(port)).rejects.toThrow(ListenError);
  expect(await answerSource("127.0.0.1", "127.0.0.1", port)).toBe(`127.0.0.1 ${port}`);
});

test("after close the port is free on every address", async () => {
  const port = await start();
  await cleanups.pop()?.();
  expect(await start(port)).toBe(port);
});
