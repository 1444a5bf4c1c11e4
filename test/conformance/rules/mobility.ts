import assert from "node:assert/strict";
import { addressFamilyAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import {
  allocateMobile,
  type Mobile,
  move,
  moveTo,
  TICKET_PLEASE,
  ticketAttribute,
} from "../../support/mobility.ts";
import { allocateAttributes, type TurnClient } from "../../support/turn-client.ts";
import { encodeRequest, keyOf, newTransactionId } from "../../support/turn-request.ts";
import {
  allocate,
  assertRefused,
  assertRefusedAndKept,
  assertRelays,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Peer, Rule, Target } from "../target.ts";

const CHANNEL = 0x4000;

export const MOBILITY_RULES: readonly Rule[] = [
  {
    id: "mobility-ticket",
    title: "an Allocate with an empty MOBILITY-TICKET gets a ticket, each another one; one without gets none",
    rfc: "RFC 8016 section 3.1.2",
    needs: ["mobility"],
    async run(target) {
      const [one, other] = [
        await allocateMobile(await target.client()),
        await allocateMobile(await target.client()),
      ];
      assert.notDeepEqual(one.ticket, other.ticket);
      assert.ok(one.ticket.length > 0, "a ticket that is not empty");
      const plain = await (await target.client()).allocate();
      assertSuccess(plain, "Allocate without MOBILITY-TICKET");
      assert.equal(plain.mobilityTicket, undefined);
    },
  },
  {
    id: "mobility-ticket-not-empty",
    title: "an Allocate with a MOBILITY-TICKET that is not empty gets 400",
    rfc: "RFC 8016 section 3.1.2",
    needs: ["mobility"],
    async run(target) {
      const { ticket } = await allocateMobile(await target.client());
      const client = await target.client();
      for (const value of [ticket, Buffer.from("x")])
        await assertRefused(client, await client.allocate({ attributes: [ticketAttribute(value)] }), 400);
      await allocate(client);
    },
  },
  {
    id: "mobility-moves",
    title:
      "a Refresh with the ticket moves an allocation to another 5-tuple, its permissions and channels with it",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const moved = await target.client();
      await move(moved, mobile.ticket);
      await assertOverChannel(moved, mobile, peer);
      assertSuccess(await moved.refresh(), "a Refresh without a ticket, from there");
      assertSuccess(await moved.createPermission(peer.address), "CreatePermission from there");
      await assertRelays(moved, mobile.relayed, peer);
    },
  },
  {
    id: "mobility-old-free",
    title: "once it has moved, the old 5-tuple holds nothing any more, and may hold another allocation",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const moved = await target.client();
      await move(moved, mobile.ticket);
      await assertOverChannel(moved, mobile, peer);
      await assertRefused(mobile.client, await mobile.client.refresh(), 437);
      await mobile.client.sendChannelData(CHANNEL, text("from the old 5-tuple"));
      await allocate(mobile.client);
      await assertRelays(moved, mobile.relayed, peer);
    },
  },
  {
    id: "mobility-make-before-break",
    title: "until the client sends data from the new 5-tuple, data passes both ways over the old one",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      for (const way of ["channel", "indication"] as const) {
        const { mobile, peer } = await openCall(target);
        const moved = await target.client();
        await move(moved, mobile.ticket);
        assertSuccess(await moved.refresh(), "a request is no data");
        await mobile.client.sendChannelData(CHANNEL, text("still"));
        assert.equal((await peer.packets.take()).data.toString(), "still");
        await peer.send(mobile.relayed, text("still here"));
        assert.equal((await mobile.client.data.take()).data.toString(), "still here");
        assert.deepEqual(moved.data.pending, []);
        if (way === "channel") await moved.sendChannelData(CHANNEL, text("here now"));
        else await moved.sendIndication(peer.address, text("here now"));
        assert.equal((await peer.packets.take()).data.toString(), "here now");
        await peer.send(mobile.relayed, text("there you are"));
        assert.equal((await moved.data.take()).data.toString(), "there you are");
        assert.deepEqual(mobile.client.data.pending, []);
      }
    },
  },
  {
    id: "mobility-again",
    title: "each move gives another ticket, which is good for the next one; there and back too",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const tickets = [mobile.ticket];
      for (let moves = 0; moves < 3; moves++) {
        const moved = await target.client();
        const ticket = await move(moved, tickets.at(-1) as Uint8Array);
        for (const earlier of tickets) assert.notDeepEqual(ticket, earlier);
        tickets.push(ticket);
        await assertOverChannel(moved, mobile, peer);
      }
      await move(mobile.client, tickets.at(-1) as Uint8Array);
      await assertOverChannel(mobile.client, mobile, peer);
    },
  },
  {
    id: "mobility-retransmission",
    title: "a Refresh with the ticket that comes again has the same answer again",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const moved = await target.client();
      const send = (transactionId: Uint8Array) =>
        moved.request(METHOD.refresh, [ticketAttribute(mobile.ticket)], {}, { transactionId });
      const [one, other] = [newTransactionId(), newTransactionId()];
      const tried = await send(one);
      const [used, first] = tried.errorCode === 438 ? [other, await send(other)] : [one, tried];
      assertSuccess(first, "Refresh with the ticket");
      const second = await send(used);
      assertSuccess(second, "the same again");
      assert.deepEqual(second.mobilityTicket, first.mobilityTicket);
      await assertOverChannel(moved, mobile, peer);
    },
  },
  {
    id: "mobility-old-ticket",
    title: "the old ticket is good for nothing else: another request with it is refused and changes nothing",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const [moved, elsewhere] = [await target.client(), await target.client()];
      await move(moved, mobile.ticket);
      await assertOverChannel(moved, mobile, peer);
      for (const client of [moved, elsewhere]) {
        const { outcome } = await moveTo(client, mobile.ticket);
        assert.ok(outcome === 400 || outcome === 437, `refused, not ${outcome}`);
      }
      await assertRefused(elsewhere, await elsewhere.refresh(), 437);
      await assertRelays(moved, mobile.relayed, peer);
    },
  },
  {
    id: "mobility-same-5-tuple",
    title: "a Refresh with the ticket from the 5-tuple of the allocation gets 400 and changes nothing",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      await assertRefusedAndKept(mobile.client, await moveTo(mobile.client, mobile.ticket), 400);
      const moved = await target.client();
      const next = await move(moved, mobile.ticket);
      await assertOverChannel(moved, mobile, peer);
      await assertRefusedAndKept(moved, await moveTo(moved, next), 400);
    },
  },
  {
    id: "mobility-other-user",
    title: "another user with the ticket gets 441 and changes nothing",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const thief = await target.client({ as: target.bob });
      for (const lifetime of [600, 0])
        await assertRefused(thief, await moveTo(thief, mobile.ticket, lifetime), 441);
      await allocate(thief);
      await assertRefusedAndKept(thief, await moveTo(thief, mobile.ticket), 441);
      await assertRelays(mobile.client, mobile.relayed, peer);
      await move(await target.client(), mobile.ticket);
    },
  },
  {
    id: "mobility-invalid-ticket",
    title: "a ticket that the server has not made gets 400, whoever sends it from wherever",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { client, ticket } = await allocateMobile(await target.client());
      const forged = [...ticket.keys()].map((at) => ticket.map((byte, i) => (i === at ? byte ^ 1 : byte)));
      const others = [new Uint8Array(), ticket.subarray(1), Buffer.concat([ticket, ticket])];
      const elsewhere = await target.client();
      for (const value of [...forged, ...others]) {
        const answer = await elsewhere.request(METHOD.refresh, [ticketAttribute(value)]);
        await assertRefused(elsewhere, answer, 400);
      }
      await assertRefusedAndKept(client, await moveTo(client, others[0] as Uint8Array), 400);
    },
  },
  {
    id: "mobility-gone",
    title: "the ticket of an allocation that has ended gets 437",
    rfc: "RFC 8016 section 3.2.2",
    needs: ["mobility"],
    async run(target) {
      const { client, ticket } = await allocateMobile(await target.client());
      assertSuccess(await client.refresh(0), "Refresh(0)");
      const elsewhere = await target.client();
      await assertRefused(elsewhere, await moveTo(elsewhere, ticket), 437);
      await allocate(elsewhere);
    },
  },
  {
    id: "mobility-delete",
    title: "a Refresh with the ticket and LIFETIME 0 ends the allocation from elsewhere",
    rfc: "RFC 8016 section 3.2.1",
    needs: ["mobility"],
    async run(target) {
      const { client, ticket } = await allocateMobile(await target.client());
      const elsewhere = await target.client();
      const answer = await moveTo(elsewhere, ticket, 0);
      assertSuccess(answer, "Refresh(0) with the ticket");
      assert.equal(answer.lifetimeSeconds, 0);
      for (const one of [client, elsewhere]) await assertRefused(one, await one.refresh(), 437);
      await assertRefused(elsewhere, await moveTo(elsewhere, ticket, 0), 437);
    },
  },
  {
    id: "mobility-occupied",
    title: "an allocation does not move to a 5-tuple that has one: 437, and both are as before",
    rfc: "RFC 8656 section 5",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const other = await target.client();
      const relayed = await allocate(other);
      await assertRefusedAndKept(other, await moveTo(other, mobile.ticket), 437);
      await assertRelays(mobile.client, mobile.relayed, peer);
      assertSuccess(await other.createPermission(peer.address), "CreatePermission");
      await assertRelays(other, relayed, peer);
    },
  },
  {
    id: "mobility-malformed",
    title: "a Refresh with the ticket that is wrong otherwise is refused, and the ticket is still good",
    rfc: "RFC 8656 section 8.2",
    needs: ["mobility"],
    async run(target) {
      const { mobile, peer } = await openCall(target);
      const moved = await target.client();
      const lifetime = { type: ATTRIBUTE.lifetime, value: new Uint8Array(3) };
      const malformed = await moved.request(METHOD.refresh, [lifetime, ticketAttribute(mobile.ticket)]);
      await assertRefused(moved, malformed, 400);
      const family = addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 6);
      const mismatch = await moved.request(METHOD.refresh, [family, ticketAttribute(mobile.ticket)]);
      await assertRefused(moved, mismatch, 443);
      await move(moved, mobile.ticket);
      await assertOverChannel(moved, mobile, peer);
    },
  },
  {
    id: "mobility-retransmitted-allocate",
    title: "an Allocate that comes again gets the same ticket again",
    rfc: "RFC 8656 section 7.2",
    needs: ["mobility"],
    async run(target) {
      const { client } = await allocateMobile(await target.client());
      assertSuccess(await client.refresh(0), "Refresh(0)");
      const again = await target.client();
      const proof = await again.authentication();
      const attributes = allocateAttributes({ attributes: [TICKET_PLEASE] });
      const request = encodeRequest(METHOD.allocate, attributes, proof);
      const first = await again.exchange(request, keyOf(proof));
      assertSuccess(first, "Allocate");
      const second = await again.exchange(request, keyOf(proof));
      assert.deepEqual(second.mobilityTicket, first.mobilityTicket);
      assert.deepEqual(second.relayedAddress, first.relayedAddress);
    },
  },
];

interface Call {
  readonly mobile: Mobile;
  readonly peer: Peer;
}

/** A mobile allocation with a channel to a peer, over which data passes. */
async function openCall(target: Target): Promise<Call> {
  const [mobile, peer] = [await allocateMobile(await target.client()), await target.peer()];
  assertSuccess(await mobile.client.channelBind(CHANNEL, peer.address), "ChannelBind");
  await assertOverChannel(mobile.client, mobile, peer);
  return { mobile, peer };
}

/** Data passes both ways over the channel, and from here on over this client's 5-tuple. */
async function assertOverChannel(client: TurnClient, { relayed }: Mobile, peer: Peer): Promise<void> {
  await client.sendChannelData(CHANNEL, text("to the peer"));
  const { data, from } = await peer.packets.take();
  assert.deepEqual([data.toString(), from.port], ["to the peer", relayed.port]);
  await peer.send(relayed, text("to the client"));
  const { channelNumber, data: answer } = await client.data.take();
  assert.deepEqual([channelNumber, answer.toString()], [CHANNEL, "to the client"]);
}
