import assert from "node:assert/strict";
import type { TransportAddress } from "../../../src/stun/address.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { ByteEnd } from "../../support/byte-end.ts";
import type { TcpPeer } from "../../support/tcp-peer.ts";
import { connectionIdOf, connectTo } from "../../support/tcp-requests.ts";
import { assertRefused, assertRefusedAndKept, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";
import {
  assertBothWays,
  assertSamePlace,
  openAllocation,
  openConnected,
  takeAttempt,
  tcpOf,
} from "../tcp-checks.ts";

const needs = ["stream", "tcp-relay"] as const;
/** Where nobody listens. */
const DISCARD_PORT = 9;

export const TCP_CONNECTION_RULES: readonly Rule[] = [
  {
    id: "tcp-connect",
    title: "Connect reaches the peer from the relayed address; bound, bytes go both ways as they are",
    rfc: "RFC 6062 sections 5.2 and 5.4",
    needs,
    async run(target) {
      const { client, relayed } = await openAllocation(target);
      const { near, far, from } = await openConnected(target, client);
      assertSamePlace(from, relayed);
      await assertBothWays(near, far);
    },
  },
  {
    id: "tcp-connect-without-allocation",
    title: "Connect without an allocation gets 437",
    rfc: "RFC 6062 section 5.2",
    needs,
    async run(target) {
      const tcp = tcpOf(target);
      const [client, peer] = [await tcp.control(target.alice), await tcp.peer()];
      await assertRefused(client, await connectTo(client, peer.address), 437);
    },
  },
  {
    id: "tcp-connect-incomplete",
    title: "Connect without XOR-PEER-ADDRESS, or with a malformed one, gets 400",
    rfc: "RFC 6062 section 5.2",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const malformed = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(5) };
      await assertRefusedAndKept(client, await client.request(METHOD.connect, []), 400);
      await assertRefusedAndKept(client, await client.request(METHOD.connect, [malformed]), 400);
    },
  },
  {
    id: "tcp-connect-twice",
    title: "Connect to a peer that is connected gets 446, bound or not",
    rfc: "RFC 6062 section 5.2",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const tcp = tcpOf(target);
      const peer = await tcp.peer();
      const answer = await connectTo(client, peer.address);
      assertSuccess(answer, "Connect");
      await assertRefusedAndKept(client, await connectTo(client, peer.address), 446);
      assertSuccess(await (await tcp.data(client)).bind(connectionIdOf(answer)), "ConnectionBind");
      await assertRefusedAndKept(client, await connectTo(client, peer.address), 446);
    },
  },
  {
    id: "tcp-connect-refused",
    title: "Connect to where nobody listens gets 447",
    rfc: "RFC 6062 section 5.2",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const { address } = await tcpOf(target).peer();
      await assertRefusedAndKept(client, await connectTo(client, { ...address, port: DISCARD_PORT }), 447);
    },
  },
  {
    id: "tcp-attempt",
    title: "a peer with permission that connects is told to the client; bound, bytes go both ways",
    rfc: "RFC 6062 section 5.3",
    needs,
    async run(target) {
      const { client, relayed } = await openAllocation(target);
      const tcp = tcpOf(target);
      const peer = await tcp.peer();
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      const far = await peer.connect(relayed);
      const attempt = await takeAttempt(client);
      assertSamePlace(attempt.peer, { ...peer.address, port: far.localPort });
      const data = await tcp.data(client);
      assertSuccess(await data.bind(attempt.id), "ConnectionBind");
      await assertBothWays(data.end, far);
    },
  },
  {
    id: "tcp-no-permission",
    title: "a peer without permission is closed at once, and the client does not hear of it",
    rfc: "RFC 6062 section 5.3",
    needs,
    async run(target) {
      const { client, relayed } = await openAllocation(target);
      const peer = await tcpOf(target).peer();
      await assertClosed(peer, relayed);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      const welcome = await peer.connect(relayed);
      const attempt = await takeAttempt(client);
      assertSamePlace(attempt.peer, { ...peer.address, port: welcome.localPort });
    },
  },
  {
    id: "tcp-held-until-bound",
    title: "what a peer sends before its connection is bound reaches the client behind the answer",
    rfc: "RFC 6062 section 5.4",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const tcp = tcpOf(target);
      const peer = await tcp.peer();
      const answer = await connectTo(client, peer.address);
      const { end: far } = await peer.accepted.take();
      await far.write("early");
      const data = await tcp.data(client);
      assertSuccess(await data.bind(connectionIdOf(answer)), "ConnectionBind");
      assert.equal(await data.end.takeText(5), "early");
    },
  },
  {
    id: "tcp-bind-unknown",
    title: "ConnectionBind without CONNECTION-ID, or with one that nothing waits under, gets 400",
    rfc: "RFC 6062 section 5.4",
    needs,
    async run(target) {
      const tcp = tcpOf(target);
      const { client } = await openAllocation(target);
      for (const id of [undefined, 0xfffffff0]) {
        const data = await tcp.data(client);
        assert.equal((await data.bind(id)).outcome, 400, `CONNECTION-ID ${id}`);
      }
      assertSuccess(await client.refresh(), "Refresh");
    },
  },
  {
    id: "tcp-bind-once",
    title: "a connection is bound once: 400 for the second, and the first goes on",
    rfc: "RFC 6062 section 5.4",
    needs,
    async run(target) {
      const tcp = tcpOf(target);
      const { client } = await openAllocation(target);
      const peer = await tcp.peer();
      const id = connectionIdOf(await connectTo(client, peer.address));
      const { end: far } = await peer.accepted.take();
      const [first, second] = [await tcp.data(client), await tcp.data(client)];
      assertSuccess(await first.bind(id), "ConnectionBind");
      assert.equal((await second.bind(id)).outcome, 400);
      await assertBothWays(first.end, far);
    },
  },
  {
    id: "tcp-bind-of-another",
    title: "nobody binds another user's connection: 441, and its owner still can",
    rfc: "RFC 8656 section 5",
    needs,
    async run(target) {
      const tcp = tcpOf(target);
      const { client } = await openAllocation(target);
      const peer = await tcp.peer();
      const id = connectionIdOf(await connectTo(client, peer.address));
      const { end: far } = await peer.accepted.take();
      const thief = await tcp.data((await openAllocation(target, target.bob)).client);
      assert.equal((await thief.bind(id)).outcome, 441);
      const data = await tcp.data(client);
      assertSuccess(await data.bind(id), "ConnectionBind");
      await assertBothWays(data.end, far);
    },
  },
  {
    id: "tcp-peer-closes",
    title: "a peer that closes its connection closes the client's, after its last byte",
    rfc: "RFC 6062 section 5.5",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const { near, far } = await openConnected(target, client);
      far.socket.end("last");
      assert.equal(await near.takeText(4), "last");
      await near.over;
    },
  },
  {
    id: "tcp-client-closes",
    title: "a client that closes its data connection closes the peer's, after its last byte",
    rfc: "RFC 6062 section 5.5",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const { near, far } = await openConnected(target, client);
      near.socket.end("last");
      assert.equal(await far.takeText(4), "last");
      await far.over;
    },
  },
  {
    id: "tcp-half-closed",
    title: "a side that has said its last byte still hears the other one",
    rfc: "RFC 9293 section 3.6; RFC 6062 leaves it open",
    needs,
    async run(target) {
      const { client } = await openAllocation(target);
      const { near, far } = await openConnected(target, client);
      near.socket.end("question");
      assert.equal(await far.takeText(8), "question");
      await far.over;
      await far.write("answer");
      assert.equal(await near.takeText(6), "answer");
    },
  },
  {
    id: "tcp-client-to-client",
    title: "two clients of one relay connect to each other",
    rfc: "RFC 6062 sections 5.2 and 5.3",
    needs,
    async run(target) {
      const tcp = tcpOf(target);
      const one = await openAllocation(target);
      const other = await openAllocation(target, target.bob);
      assertSuccess(await other.client.createPermission(one.relayed), "CreatePermission");
      const answer = await connectTo(one.client, other.relayed);
      assertSuccess(answer, "Connect");
      const attempt = await takeAttempt(other.client);
      assertSamePlace(attempt.peer, one.relayed);
      const [near, far] = [await tcp.data(one.client), await tcp.data(other.client)];
      assertSuccess(await near.bind(connectionIdOf(answer)), "ConnectionBind");
      assertSuccess(await far.bind(attempt.id), "ConnectionBind");
      await assertBothWays(near.end, far.end);
    },
  },
];

/** It may be reset before the peer has noticed that it was there. */
async function assertClosed(peer: TcpPeer, relayed: TransportAddress): Promise<void> {
  const connection = await peer.connect(relayed).catch((error: NodeJS.ErrnoException) => error);
  if (connection instanceof ByteEnd) await connection.over;
  else assert.equal(connection.code, "ECONNRESET");
}
