/** What rules about TCP allocations (RFC 6062) check. */

import assert from "node:assert/strict";
import { formatTransportAddress, type TransportAddress } from "../../src/stun/address.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { eventuallyTrue } from "../support/eventually-true.ts";
import type { TcpPeer } from "../support/tcp-peer.ts";
import {
  allocateTcp,
  type ConnectionAttempt,
  connectionIdOf,
  connectTo,
  readConnectionAttempt,
} from "../support/tcp-requests.ts";
import type { TurnClient } from "../support/turn-client.ts";
import { assertSuccess } from "./checks.ts";
import type { Target } from "./target.ts";
import type { TcpPlaces } from "./tcp-places.ts";

const INTERVAL_MS = 100;
const MAX_ATTEMPTS = 30;

export function tcpOf({ tcp }: Target): TcpPlaces {
  assert.ok(tcp, "the target offers tcp-relay");
  return tcp();
}

/** A control connection with its allocation. */
export async function openAllocation(
  target: Target,
  as = target.alice,
): Promise<{ client: TurnClient; relayed: TransportAddress }> {
  const client = await tcpOf(target).control(as);
  const answer = await allocateTcp(client);
  assertSuccess(answer, "Allocate");
  assert.ok(answer.relayedAddress, "Allocate answers with XOR-RELAYED-ADDRESS");
  return { client, relayed: answer.relayedAddress };
}

/** Connected to the peer and bound; both ends. */
export async function openConnected(target: Target, client: TurnClient) {
  const tcp = tcpOf(target);
  const peer = await tcp.peer();
  const answer = await connectTo(client, peer.address);
  assertSuccess(answer, "Connect");
  const { end: far, from } = await peer.accepted.take();
  const data = await tcp.data(client);
  assertSuccess(await data.bind(connectionIdOf(answer)), "ConnectionBind");
  return { near: data.end, far, from, peer };
}

/** The next ConnectionAttempt. */
export async function takeAttempt(client: TurnClient): Promise<ConnectionAttempt> {
  await eventuallyTrue("a ConnectionAttempt", () => client.strays.length > 0);
  const attempt = readConnectionAttempt(client.strays.shift() as Uint8Array);
  assert.ok(attempt?.id !== undefined && attempt.peer, "CONNECTION-ID and XOR-PEER-ADDRESS");
  return attempt;
}

export async function assertBothWays(near: ByteEnd, far: ByteEnd): Promise<void> {
  await near.write("to the peer");
  assert.equal(await far.takeText(11), "to the peer");
  await far.write("to the client");
  assert.equal(await near.takeText(13), "to the client");
}

/** Nobody listens any more; a server may take a moment. */
export async function assertRefuses(peer: TcpPeer, relayed: TransportAddress): Promise<void> {
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
    const isRefused = await peer.connect(relayed).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "ECONNREFUSED",
    );
    if (isRefused) return;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  await assert.rejects(peer.connect(relayed), { code: "ECONNREFUSED" });
}

export function assertSamePlace(actual: TransportAddress | undefined, expected: TransportAddress): void {
  assert.equal(actual && formatTransportAddress(actual), formatTransportAddress(expected));
}
