/** The package `stun` as an independent client: a real server asked over real datagrams. */

import { createSocket, type Socket } from "node:dgram";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createServer } from "../../src/server.ts";
import { formatIp, type IpAddress, parseIp } from "../../src/stun/address.ts";
import { LOOPBACK_4, LOOPBACK_6, testConfig } from "../support/test-config.ts";

interface StunClient {
  request(url: string, options: { readonly socket: Socket }): Promise<BindingResponse>;
  createMessage(type: number): { toBuffer(): Buffer };
  readonly constants: { readonly STUN_BINDING_REQUEST: number };
}

interface BindingResponse {
  getXorAddress(): { readonly address: string; readonly port: number };
}

const stun = createRequire(import.meta.url)("stun") as StunClient;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startOn(host: IpAddress): Promise<AddressInfo> {
  const server = createServer(testConfig({ hosts: [host] }));
  cleanups.push(() => server.close());
  const [turn] = (await server.start()).turn;
  if (turn === undefined) throw new Error("the TURN port does not listen");
  return { ...turn, family: `IPv${host.family}` };
}

/** The package reads no IPv6 address out of a URL, so that it is given a name, and the socket that finds it. */
function openSocket(host: IpAddress): Promise<Socket> {
  const address = formatIp(host);
  const socket = createSocket({
    type: host.family === 4 ? "udp4" : "udp6",
    lookup: (_name, _options, found) => found(null, address, host.family),
  });
  cleanups.push(() => new Promise<void>((closed) => socket.close(() => closed())));
  return new Promise((bound) => socket.bind(0, address, () => bound(socket)));
}

function send(socket: Socket, bytes: Uint8Array, to: AddressInfo): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, to.port, to.address, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** A Binding request whose only attribute claims to be longer than the message. */
function overlongAttribute(): Buffer {
  const header = stun.createMessage(stun.constants.STUN_BINDING_REQUEST).toBuffer();
  const attribute = Buffer.from([0x00, 0x06, 0xff, 0xff]);
  header.writeUInt16BE(attribute.length, 2);
  return Buffer.concat([header, attribute]);
}

describe.each([
  ["IPv4", LOOPBACK_4],
  ["IPv6", LOOPBACK_6],
] as const)("the package stun over %s", (_family, host) => {
  test("learns its socket's own address, also after a hostile request from the same socket", async () => {
    const server = await startOn(host);
    const socket = await openSocket(host);
    const own = { ip: host, port: socket.address().port };
    const askAddress = async () => {
      const response = await stun.request(`stun://turnpike.test:${server.port}`, { socket });
      const { address, port } = response.getXorAddress();
      return { ip: parseIp(address), port };
    };
    expect(await askAddress()).toEqual(own);
    await send(socket, overlongAttribute(), server);
    expect(await askAddress()).toEqual(own);
  });
});
