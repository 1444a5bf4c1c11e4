/** NAT behaviour discovery (RFC 5780) on a real server with two addresses, with both engines of UDP. */

import { afterEach, describe, expect, test } from "vitest";
import { ListenError } from "../../src/net/listen.ts";
import { createServer } from "../../src/server.ts";
import {
  formatTransportAddress,
  type IpAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { readAddress, uint32Attribute } from "../../src/stun/attributes.ts";
import { decodeMessage, findAttribute, type StunAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { transportTo } from "../support/endpoint.ts";
import { Mailbox } from "../support/mailbox.ts";
import { LOOPBACK_4, testConfig } from "../support/test-config.ts";
import { TurnAnswer } from "../support/turn-answer.ts";
import { TurnClient } from "../support/turn-client.ts";
import { encodeRequest } from "../support/turn-request.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

/** Linux answers to all of 127.0.0.0/8. */
const ALTERNATE = parseIp("127.0.0.7") as IpAddress;
const ADA = { username: "ada", password: "lovelace" };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openServer(udpEngine: "dgram" | "batch"): Promise<TransportAddress> {
  const users = [{ name: ADA.username, password: ADA.password }];
  const server = createServer(testConfig({ udpEngine, users, alternateIps: [ALTERNATE] }));
  cleanups.push(() => server.close());
  const [turn] = (await server.start()).turn;
  return withPort(LOOPBACK_4, turn?.port ?? 0);
}

/** A socket that asks anybody, and hears from everybody. */
async function openAsker() {
  const endpoint = await openUdpEndpoint(LOOPBACK_4);
  cleanups.push(() => endpoint.close());
  const heard = new Mailbox<{ from: TransportAddress; bytes: Uint8Array }>("an answer", 3000);
  endpoint.onPacket((bytes, from) => heard.put({ from, bytes: Uint8Array.from(bytes) }));
  const send = (to: TransportAddress, ...attributes: StunAttribute[]) =>
    endpoint.send(to, encodeRequest(METHOD.binding, attributes, undefined));
  async function ask(to: TransportAddress, ...attributes: StunAttribute[]) {
    await send(to, ...attributes);
    return read(await heard.take());
  }
  return { send, ask, heard, address: endpoint.address };
}

function read({ from, bytes }: { from: TransportAddress; bytes: Uint8Array }) {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  const addressOf = (type: number) => {
    const value = findAttribute(decoded.message, type);
    return value && readAddress(value);
  };
  const { mappedAddress } = new TurnAnswer(decoded.message, undefined);
  return {
    from,
    mappedAddress,
    origin: addressOf(ATTRIBUTE.responseOrigin),
    other: addressOf(ATTRIBUTE.otherAddress),
  };
}

function change(flags: number): StunAttribute {
  return uint32Attribute(ATTRIBUTE.changeRequest, flags);
}

describe.each(["dgram", "batch"] as const)("over %s", (udpEngine) => {
  test("a client finds out how its NAT maps and filters: four addresses, each answering for each", async () => {
    const primary = await openServer(udpEngine);
    const { ask, address } = await openAsker();
    const first = await ask(primary);
    const { other } = first;
    if (other === undefined) throw new Error("no OTHER-ADDRESS");
    expect(first.origin).toEqual(primary);
    expect([other.port === primary.port, formatTransportAddress({ ...other, port: 0 })]).toEqual([
      false,
      formatTransportAddress({ ...ALTERNATE, port: 0 }),
    ]);
    const square = [
      primary,
      withPort(LOOPBACK_4, other.port),
      withPort(ALTERNATE, primary.port),
      other,
    ] as const;
    for (const [at, to] of square.entries()) {
      for (const [flags, step] of [
        [0, 0],
        [2, 1],
        [4, 2],
        [6, 3],
      ] as const) {
        const origin = square[at ^ step];
        expect(await ask(to, change(flags))).toEqual({
          from: origin,
          mappedAddress: address,
          origin,
          other: square[at ^ 3],
        });
      }
    }
  });

  test("an answer goes to another port of the client where it asks for that", async () => {
    const primary = await openServer(udpEngine);
    const [asker, listener] = [await openAsker(), await openAsker()];
    const { port } = listener.address;
    const value = Uint8Array.of(port >> 8, port & 255);
    await asker.send(primary, { type: ATTRIBUTE.responsePort, value }, change(6));
    expect(read(await listener.heard.take()).mappedAddress).toEqual(asker.address);
    expect((await asker.ask(primary)).mappedAddress).toEqual(asker.address);
    expect(asker.heard.pending).toEqual([]);
  });

  test("all four are the relay's as well, and free when it has closed", async () => {
    const primary = await openServer(udpEngine);
    const { other } = await (await openAsker()).ask(primary);
    for (const server of [primary, other as TransportAddress]) {
      const client = new TurnClient(transportTo(server, await openUdpEndpoint(LOOPBACK_4)), ADA);
      cleanups.push(() => client.close());
      assertSuccess(await client.allocate(), "Allocate");
      assertSuccess(await client.refresh(0), "Refresh(0)");
    }
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await (await openUdpEndpoint(ALTERNATE, other?.port)).close();
  });

  test("an alternate address that this machine does not have fails the start, and is named", async () => {
    const elsewhere = parseIp("198.51.100.1") as IpAddress;
    const server = createServer(testConfig({ udpEngine, alternateIps: [elsewhere] }));
    cleanups.push(() => server.close());
    const error: unknown = await server.start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ListenError);
    expect((error as ListenError).failures.map(({ code }) => code)).toEqual(["EADDRNOTAVAIL"]);
    expect((error as ListenError).message).toContain("NAT discovery at 198.51.100.1:");
  });
});
