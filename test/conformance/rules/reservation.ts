import assert from "node:assert/strict";
import { addressFamilyAttribute, evenPortAttribute } from "../../../src/stun/attributes.ts";
import type { StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import type { TurnAnswer } from "../../support/turn-answer.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { assertRefused, assertRelays, assertSameAddress, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";

export const RESERVATION_RULES: readonly Rule[] = [
  {
    id: "even-port",
    title: "EVEN-PORT gives an even port",
    rfc: "RFC 8656 section 7.2, step 8",
    async run(target) {
      for (let i = 0; i < 5; i++) {
        const answer = await (await target.client()).allocate({ attributes: [evenPortAttribute(false)] });
        assertSuccess(answer, "Allocate with EVEN-PORT");
        assert.equal((answer.relayedAddress?.port ?? 1) % 2, 0);
        assert.equal(answer.reservationToken, undefined);
      }
    },
  },
  {
    id: "even-port-malformed",
    title: "EVEN-PORT of another length than one byte gets 400",
    rfc: "RFC 8656 section 18.7",
    async run(target) {
      const client = await target.client();
      for (const length of [0, 2, 4]) {
        const malformed = { type: ATTRIBUTE.evenPort, value: new Uint8Array(length) };
        await assertRefused(client, await client.allocate({ attributes: [malformed] }), 400);
      }
    },
  },
  {
    id: "reservation",
    title:
      "EVEN-PORT with the R bit reserves the next port, and its token gives it to the user's next Allocate",
    rfc: "RFC 8656 section 7.2, steps 5 and 8",
    async run(target) {
      const [client, second, peer] = [await target.client(), await target.client(), await target.peer()];
      const { relayed, token } = await reserve(client);
      assert.equal(relayed.port % 2, 0);
      assert.equal(token.length, 8);
      const answer = await redeem(second, token);
      assertSuccess(answer, "Allocate with RESERVATION-TOKEN");
      assertSameAddress(answer.relayedAddress, { ...relayed, port: relayed.port + 1 });
      assertSuccess(await second.createPermission(peer.address), "CreatePermission");
      await assertRelays(second, { ...relayed, port: relayed.port + 1 }, peer);
    },
  },
  {
    id: "reservation-once",
    title: "a token is good once: then 508",
    rfc: "RFC 8656 section 7.2, step 5",
    async run(target) {
      const [client, second, third] = [await target.client(), await target.client(), await target.client()];
      const { token } = await reserve(client);
      assertSuccess(await redeem(second, token), "the first use");
      await assertRefused(third, await redeem(third, token), 508);
    },
  },
  {
    id: "reservation-unknown",
    title: "a token that the server never gave gets 508",
    rfc: "RFC 8656 section 7.2, step 5",
    async run(target) {
      const client = await target.client();
      await assertRefused(client, await redeem(client, new Uint8Array(8)), 508);
    },
  },
  {
    id: "reservation-of-another",
    title: "another user's token gets 508, and stays good for its owner",
    rfc: "RFC 8656 section 7.2, step 5",
    async run(target) {
      const [client, second] = [await target.client(), await target.client()];
      const thief = await target.client({ as: target.bob });
      const { token } = await reserve(client);
      await assertRefused(thief, await redeem(thief, token), 508);
      assertSuccess(await redeem(second, token), "Allocate by the owner");
    },
  },
  {
    id: "reservation-expires",
    title: "a token is good for 30 seconds; then the port is free",
    rfc: "RFC 8656 section 7.2",
    needs: ["clock", "local"],
    async run(target) {
      const [client, second, third] = [await target.client(), await target.client(), await target.client()];
      const kept = await reserve(client);
      target.controls.advance(29);
      assertSuccess(await redeem(second, kept.token), "after 29 s");
      const { relayed, token } = await reserve(third);
      const next = { ...relayed, port: relayed.port + 1 };
      assert.equal(await target.isFree(next), false);
      target.controls.advance(30);
      const late = await target.client();
      await assertRefused(late, await redeem(late, token), 508, "after 30 s");
      target.controls.sweep();
      assert.equal(await target.isFree(next), true);
    },
  },
  {
    id: "reservation-with-others",
    title:
      "a token together with EVEN-PORT or an address family gets 400; a token that is not 8 bytes long too",
    rfc: "RFC 8656 section 7.2, steps 5 and 6",
    async run(target) {
      const [client, second] = [await target.client(), await target.client()];
      const { token } = await reserve(client);
      const extras = [evenPortAttribute(false), addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 4)];
      for (const extra of extras) await assertRefused(second, await redeem(second, token, [extra]), 400);
      await assertRefused(second, await redeem(second, token.subarray(0, 7)), 400);
      assertSuccess(await redeem(second, token), "the token is still good");
    },
  },
  {
    id: "reservation-ipv6-only",
    title:
      "a relay without IPv4 reserves and redeems: the token, not the default family, says where the port is",
    rfc: "RFC 8656 section 7.2, step 5",
    needs: ["ipv6"],
    settings: { relayFamilies: [6] },
    async run(target) {
      const [client, second] = [await target.client({ family: 6 }), await target.client({ family: 6 })];
      const { relayed, token } = await reserve(client, 6);
      const answer = await redeem(second, token);
      assertSuccess(answer, "Allocate with RESERVATION-TOKEN");
      assertSameAddress(answer.relayedAddress, { ...relayed, port: relayed.port + 1 });
      const third = await target.client({ family: 6 });
      await assertRefused(third, await third.allocate(), 440, "without a token IPv4 is the default");
    },
  },
  {
    id: "reservation-within-quota",
    title: "a reserved port counts against the quota once: its token can be used at the limit",
    rfc: "RFC 8656 section 7.2, step 10",
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const [client, second, third] = [await target.client(), await target.client(), await target.client()];
      const { token } = await reserve(client);
      await assertRefused(third, await third.allocate(), 486, "the reserved port counts");
      assertSuccess(await redeem(second, token), "the token at the limit");
      await assertRefused(third, await third.allocate(), 486, "and still does");
    },
  },
];

async function reserve(client: TurnClient, family: 4 | 6 = 4) {
  const answer = await client.allocate({ family, attributes: [evenPortAttribute(true)] });
  assertSuccess(answer, "Allocate with EVEN-PORT and the R bit");
  const { relayedAddress: relayed, reservationToken: token } = answer;
  assert.ok(relayed && token, "a relayed address and a token");
  return { relayed, token };
}

function redeem(
  client: TurnClient,
  token: Uint8Array,
  extra: readonly StunAttribute[] = [],
): Promise<TurnAnswer> {
  return client.allocate({ attributes: [{ type: ATTRIBUTE.reservationToken, value: token }, ...extra] });
}
