/** Mutated requests about TCP allocations (RFC 6062) against the relay in memory: it must not fail, not grow, and serve afterwards. */

import { expect, test } from "vitest";
import { requestedTransportAttribute } from "../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_TCP } from "../../src/stun/registry.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { ALICE } from "../conformance/target.ts";
import { Mutator } from "../support/mutator.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { address, TcpBench } from "../support/tcp-bench.ts";
import {
  bindConnection,
  connectionId,
  connectionIdOf,
  connectTo,
  readConnectionAttempt,
} from "../support/tcp-requests.ts";
import { peerAttribute } from "../support/turn-client.ts";
import { type Authentication, encodeRequest, newTransactionId } from "../support/turn-request.ts";

const PEER = address("89.160.20.1", 7000);
const COUNT = 50_000;
const LIMITS = {
  unauthenticatedBurst: 1e9,
  maxRelayedConnectionsPerAllocation: 4,
  relayedConnectionIdleSeconds: 30,
};

/** What has authenticated, and holds anything. */
function signed(random: SeededRandom, proof: Authentication): Uint8Array {
  const method = random.pick([METHOD.connect, METHOD.connectionBind, METHOD.allocate]);
  const attributes = Array.from({ length: random.below(4) }, () => ({
    type: random.pick([ATTRIBUTE.xorPeerAddress, ATTRIBUTE.connectionId, ATTRIBUTE.requestedTransport]),
    value: random.bytes(random.pick([0, 4, 8, 20, 21])),
  }));
  return encodeRequest(method, attributes, proof);
}

test(`${COUNT} mutated packets on a control connection and beside it`, async () => {
  const bench = new TcpBench({ limits: LIMITS });
  const { client, link, relay } = await bench.allocate();
  assertSuccess(await client.createPermission(PEER), "CreatePermission");
  relay.accept(PEER);
  const id = client.strays.splice(0).map(readConnectionAttempt)[0]?.id ?? 0;
  const proof = await client.authentication();
  const transactionId = newTransactionId();
  const seeds = [
    encodeRequest(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_TCP)], proof),
    encodeRequest(METHOD.connect, [peerAttribute(PEER, transactionId)], proof, { transactionId }),
    encodeRequest(METHOD.connectionBind, [connectionId(id)], proof),
    encodeRequest(METHOD.connectionBind, [connectionId(id)], undefined),
  ];
  const random = new SeededRandom(6062);
  const mutator = new Mutator(random, seeds);
  const stranger = bench.connect();
  for (let i = 0; i < COUNT; i++) {
    const packet = i % 4 === 0 ? signed(random, proof) : mutator.next();
    bench.turn.receive(i % 2 === 0 ? link : stranger.link, packet, 0, packet.length);
  }
  expect([bench.failures, bench.turn.allocationCount]).toEqual([[], 1]);
  expect(bench.turn.relayedConnectionCount).toBeLessThanOrEqual(LIMITS.maxRelayedConnectionsPerAllocation);

  // Whatever was connected to or bound by chance ends too.
  bench.advance(30);
  expect(bench.turn.relayedConnectionCount).toBe(0);
  const answer = connectTo(client, PEER);
  await expect.poll(() => relay.connects.at(-1)?.isGivenUp).toBe(false);
  relay.connects.at(-1)?.succeed();
  assertSuccess(
    await bindConnection(bench.connect(ALICE).client, connectionIdOf(await answer)),
    "ConnectionBind",
  );
});
