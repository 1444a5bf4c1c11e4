import assert from "node:assert/strict";
import { evenPortAttribute, requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_TCP } from "../../../src/stun/registry.ts";
import { allocateTcp } from "../../support/tcp-requests.ts";
import { allocate, assertRefused, assertRefusedAndKept, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";
import { assertRefuses, openAllocation, openConnected, takeAttempt, tcpOf } from "../tcp-checks.ts";

export const TCP_ALLOCATION_RULES: readonly Rule[] = [
  {
    id: "tcp-off",
    title: "where TCP allocations are off, REQUESTED-TRANSPORT TCP gets 442",
    rfc: "RFC 8656 section 7.2, step 3",
    settings: { tcpRelay: false },
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_TCP)]);
      await assertRefused(client, answer, 442);
      await allocate(client);
    },
  },
  {
    id: "tcp-allocate-over-udp",
    title: "a TCP allocation over UDP gets 400, or 442 where there are none",
    rfc: "RFC 6062 section 5.1, step 2",
    needs: ["datagrams"],
    async run(target) {
      const client = await target.client();
      const { outcome } = await allocateTcp(client);
      assert.ok(outcome === 400 || outcome === 442, `${outcome}`);
      await allocate(client);
    },
  },
  {
    id: "tcp-allocate",
    title: "a TCP allocation has an address that peers can connect to, and a lifetime",
    rfc: "RFC 6062 section 5.1",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const client = await tcpOf(target).control(target.alice);
      const answer = await allocateTcp(client);
      assertSuccess(answer, "Allocate");
      assert.deepEqual([answer.lifetimeSeconds, answer.reservationToken], [600, undefined]);
      assert.ok(answer.relayedAddress, "XOR-RELAYED-ADDRESS");
      const peer = await tcpOf(target).peer();
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      await peer.connect(answer.relayedAddress);
      await takeAttempt(client);
    },
  },
  {
    id: "tcp-allocate-attributes",
    title: "a TCP allocation with EVEN-PORT, RESERVATION-TOKEN or DONT-FRAGMENT gets 400",
    rfc: "RFC 6062 section 5.1, step 3",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const client = await tcpOf(target).control(target.alice);
      const token = { type: ATTRIBUTE.reservationToken, value: new Uint8Array(8).fill(1) };
      const dontFragment = { type: ATTRIBUTE.dontFragment, value: new Uint8Array() };
      for (const attribute of [evenPortAttribute(false), evenPortAttribute(true), token, dontFragment])
        await assertRefused(client, await allocateTcp(client, [attribute]), 400);
      assertSuccess(await allocateTcp(client), "Allocate without them");
    },
  },
  {
    id: "tcp-channel-bind",
    title: "a TCP allocation has no channels: 403",
    rfc: "RFC 6062 section 3; no sentence names a code",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const { client } = await openAllocation(target);
      const peer = await tcpOf(target).peer();
      await assertRefusedAndKept(client, await client.channelBind(0x4000, peer.address), 403);
    },
  },
  {
    id: "tcp-refresh-zero",
    title: "with a TCP allocation its connections end, and nobody can connect any more",
    rfc: "RFC 6062 section 5.5",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const { client, relayed } = await openAllocation(target);
      const { near, far, peer } = await openConnected(target, client);
      assertSuccess(await client.refresh(0), "Refresh(0)");
      await Promise.all([near.over, far.over]);
      await assertRefuses(peer, relayed);
    },
  },
  {
    id: "tcp-control-closes",
    title: "with its control connection a TCP allocation ends, and its connections too",
    rfc: "RFC 6062 section 5.5; RFC 8656 section 3.1",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const { client, relayed } = await openAllocation(target);
      const { near, far, peer } = await openConnected(target, client);
      await client.close();
      await Promise.all([near.over, far.over]);
      await assertRefuses(peer, relayed);
    },
  },
];
