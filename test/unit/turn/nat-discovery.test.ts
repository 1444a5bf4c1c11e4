/** NAT behaviour discovery (RFC 5780): what a Binding request on one of the four addresses is answered with, and from where. */

import { describe, expect, it } from "vitest";
import {
  formatTransportAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../../src/stun/address.ts";
import { readAddress, uint32Attribute } from "../../../src/stun/attributes.ts";
import { decodeMessage, findAttribute, type StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import type { ClientLink, DiscoveryCorner } from "../../../src/turn/ports.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";
import { TurnAnswer } from "../../support/turn-answer.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const CHANGE_IP = 4;
const CHANGE_PORT = 2;
const HEADER_BYTES = { 4: 28, 6: 48 };
/** DESIGN section 5: what any unauthenticated answer may be, headers counted. */
const MAX_AMPLIFICATION = 2.5;
const PLACES = {
  4: { ips: ["185.199.1.1", "185.199.1.9"], client: "81.2.69.1" },
  6: { ips: ["2a00:1450::1", "2a00:1450::9"], client: "2a02:8100::1" },
} as const;

interface Sent {
  readonly from: TransportAddress;
  readonly to: TransportAddress;
  readonly bytes: Uint8Array;
}

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(text);
  return withPort(ip, port);
}

/** Four addresses of a relay in memory, and a client of the first one. */
function openSquare(family: 4 | 6 = 4, limits = {}) {
  const { turn, target, answers } = openMemoryTarget(limits);
  const sent: Sent[] = [];
  const { ips, client } = PLACES[family];
  const addresses = ips.flatMap((ip) => [address(ip, 3478), address(ip, 3479)]);
  const corners: DiscoveryCorner[] = addresses.map((from, at) => ({
    address: from,
    send: (bytes, to) => void sent.push({ from, to, bytes: Uint8Array.from(bytes) }),
    neighbour: (changeIp, changePort) =>
      corners[at ^ (changeIp ? 2 : 0) ^ (changePort ? 1 : 0)] as DiscoveryCorner,
  }));
  const remote = address(client, 5000);
  const ask = (
    attributes: readonly StunAttribute[],
    at = 0,
    discovery: DiscoveryCorner | undefined = corners[at],
  ) => {
    const link: ClientLink = {
      transport: "udp",
      remote,
      local: addresses[at] as TransportAddress,
      discovery,
      holding: undefined,
      send: (bytes) => void sent.push({ from: link.local, to: remote, bytes: Uint8Array.from(bytes) }),
      sendChannelData: () => undefined,
      retain: () => undefined,
      release: () => undefined,
    };
    const request = encodeRequest(METHOD.binding, attributes, undefined);
    turn.receive(link, request, 0, request.length);
    return { request, answer: sent.splice(0) };
  };
  return { ask, addresses: addresses.map(formatTransportAddress), remote, target, answers };
}

function read({ bytes, from, to }: Sent) {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  const addressOf = (type: number) => {
    const value = findAttribute(decoded.message, type);
    const found = value && readAddress(value);
    return found && formatTransportAddress(found);
  };
  const answer = new TurnAnswer(decoded.message, undefined);
  return {
    outcome: answer.outcome,
    unknown: answer.unknownAttributes,
    xorMapped: answer.mappedAddress && formatTransportAddress(answer.mappedAddress),
    mapped: addressOf(ATTRIBUTE.mappedAddress),
    origin: addressOf(ATTRIBUTE.responseOrigin),
    other: addressOf(ATTRIBUTE.otherAddress),
    from: formatTransportAddress(from),
    to: formatTransportAddress(to),
  };
}

function change(flags: number): StunAttribute {
  return uint32Attribute(ATTRIBUTE.changeRequest, flags);
}

function responsePort(port: number): StunAttribute {
  return { type: ATTRIBUTE.responsePort, value: Uint8Array.of(port >> 8, port & 255) };
}

describe.each([4, 6] as const)("on IPv%i", (family) => {
  it("each of the four addresses answers from itself, or from whichever other one CHANGE-REQUEST asks for", () => {
    const { ask, addresses, remote } = openSquare(family);
    for (const at of [0, 1, 2, 3]) {
      for (const [flags, step] of [
        [0, 0],
        [CHANGE_PORT, 1],
        [CHANGE_IP, 2],
        [CHANGE_IP | CHANGE_PORT, 3],
      ] as const) {
        const { answer } = ask([change(flags)], at);
        const client = formatTransportAddress(remote);
        expect(answer.map(read)).toEqual([
          {
            outcome: "success",
            unknown: undefined,
            xorMapped: client,
            mapped: client,
            origin: addresses[at ^ step],
            other: addresses[at ^ 3],
            from: addresses[at ^ step],
            to: client,
          },
        ]);
      }
    }
  });

  it("no answer is more than 2.5 times its request", () => {
    const { ask } = openSquare(family);
    for (const attributes of [[], [change(0)], [responsePort(1)], [change(6), responsePort(1)]]) {
      const { request, answer } = ask(attributes);
      const bytes = answer.map((sent) => sent.bytes.length + HEADER_BYTES[family]);
      expect(bytes).toHaveLength(1);
      expect((bytes[0] ?? 0) / (request.length + HEADER_BYTES[family])).toBeLessThanOrEqual(
        MAX_AMPLIFICATION,
      );
    }
  });
});

it("a plain Binding request is told the other address too", () => {
  const { ask, addresses } = openSquare();
  const [answer] = ask([]).answer.map(read);
  expect([answer?.origin, answer?.other]).toEqual([addresses[0], addresses[3]]);
});

it("RESPONSE-PORT sends the answer to another port of the client, and to no other address", () => {
  const { ask, remote, addresses } = openSquare();
  const [answer] = ask([responsePort(9), change(CHANGE_IP)]).answer.map(read);
  expect(answer?.to).toBe(formatTransportAddress({ ...remote, port: 9 }));
  expect([answer?.xorMapped, answer?.from]).toEqual([formatTransportAddress(remote), addresses[2]]);
  const padded = { type: ATTRIBUTE.responsePort, value: Uint8Array.of(0, 9, 0, 0) };
  expect(ask([padded]).answer.map(read)[0]?.to).toBe(answer?.to);
});

it("PADDING is refused with 420, from where it was sent to: a long answer would make a reflector", () => {
  const { ask, addresses } = openSquare();
  const padding = { type: ATTRIBUTE.padding, value: new Uint8Array(1000) };
  const [answer] = ask([padding, change(CHANGE_IP)]).answer.map(read);
  expect([answer?.outcome, answer?.unknown, answer?.from]).toEqual([420, [ATTRIBUTE.padding], addresses[0]]);
  expect(ask([]).answer.map(read)[0]?.outcome).toBe("success");
});

it("a malformed CHANGE-REQUEST or RESPONSE-PORT gets 400, and the next request is served", () => {
  const { ask, answers } = openSquare();
  for (const attribute of [
    { type: ATTRIBUTE.changeRequest, value: new Uint8Array(3) },
    { type: ATTRIBUTE.changeRequest, value: new Uint8Array() },
    { type: ATTRIBUTE.responsePort, value: Uint8Array.of(1) },
    responsePort(0),
  ]) {
    expect(ask([attribute]).answer.map(read)[0]?.outcome).toBe(400);
    expect(ask([]).answer.map(read)[0]?.outcome).toBe("success");
  }
  expect(answers.get("binding 400")).toBe(4);
});

it("the limit per source holds, wherever the answers leave from", () => {
  const { ask } = openSquare(4, { unauthenticatedBurst: 3 });
  const outcomes = [0, 1, 2, 3, 0].map((at) => ask([change(CHANGE_IP), responsePort(53)], at).answer.length);
  expect(outcomes).toEqual([1, 1, 1, 0, 0]);
});

it("elsewhere CHANGE-REQUEST, RESPONSE-PORT and PADDING are unknown (420), and no other address is told", () => {
  const { target } = openMemoryTarget();
  const types = [ATTRIBUTE.changeRequest, ATTRIBUTE.responsePort, ATTRIBUTE.padding];
  return target.client().then(async (client) => {
    for (const type of types) {
      const answer = await client.ask(METHOD.binding, [{ type, value: new Uint8Array(4) }]);
      expect([answer.outcome, answer.unknownAttributes]).toEqual([420, [type]]);
    }
    expect((await client.bind()).attributeTypes).toEqual([ATTRIBUTE.xorMappedAddress]);
  });
});
