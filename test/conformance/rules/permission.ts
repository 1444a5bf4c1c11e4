import assert from "node:assert/strict";
import { parseIp, withPort } from "../../../src/stun/address.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { peerAttribute } from "../../support/turn-client.ts";
import { newTransactionId } from "../../support/turn-request.ts";
import {
  allocate,
  assertDropsToClient,
  assertDropsToPeer,
  assertRefusedAndKept,
  assertRelays,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Rule } from "../target.ts";

/** Refused by every relay that has a policy at all. */
const UNSPECIFIED = withPort({ family: 4, w0: 0, w1: 0, w2: 0, w3: 0 }, 9);
/** Of the other family, and public. */
const SOME_IPV6 = withPort(parseIp("2a01:4f8::1") ?? UNSPECIFIED, 9);

export const PERMISSION_RULES: readonly Rule[] = [
  {
    id: "permission-several",
    title: "one CreatePermission installs every address that it names",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const client = await target.client();
      const [one, other] = [await target.peer({ host: 0 }), await target.peer({ host: 1 })];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(one.address, other.address), "CreatePermission for two");
      await assertRelays(client, relayed, one);
      await assertRelays(client, relayed, other);
    },
  },
  {
    id: "permission-all-or-nothing",
    title: "a CreatePermission that names one address that is refused installs none",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      const answers = [
        [await client.createPermission(peer.address, UNSPECIFIED), 403],
        [await client.createPermission(peer.address, SOME_IPV6), 443],
      ] as const;
      for (const [answer, code] of answers) await assertRefusedAndKept(client, answer, code);
      await assertDropsToPeer(client, peer, () => client.sendIndication(peer.address, text("refused")));
    },
  },
  {
    id: "permission-none",
    title: "CreatePermission without an address, or with a malformed one, gets 400",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      await assertRefusedAndKept(client, await client.createPermission(), 400);
      for (const length of [0, 4, 7, 9, 20]) {
        const malformed = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(length).fill(1) };
        const transactionId = newTransactionId();
        const attributes = [peerAttribute(peer.address, transactionId), malformed];
        const answer = await client.request(METHOD.createPermission, attributes, {}, { transactionId });
        await assertRefusedAndKept(client, answer, 400, `${length} bytes`);
      }
    },
  },
  {
    id: "permission-order",
    title:
      "what is wrong with a CreatePermission is told in order: malformed 400, another family 443, refused 403",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const transactionId = newTransactionId();
      const refused = peerAttribute(UNSPECIFIED, transactionId);
      const otherFamily = peerAttribute(SOME_IPV6, transactionId);
      const malformed = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(4) };
      const cases = [
        [[refused, otherFamily, malformed], 400],
        [[refused, otherFamily], 443],
        [[refused], 403],
      ] as const;
      for (const [attributes, code] of cases) {
        const answer = await client.request(METHOD.createPermission, attributes, {}, { transactionId });
        await assertRefusedAndKept(client, answer, code);
      }
    },
  },
  {
    id: "permission-other-family",
    title: "CreatePermission for an address of the other family gets 443",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      await assertRefusedAndKept(client, await client.createPermission(SOME_IPV6), 443);
    },
  },
  {
    id: "permission-by-ip",
    title: "a permission is for an IP address: every port of it, and no other address",
    rfc: "RFC 8656 section 9",
    async run(target) {
      const client = await target.client();
      const [peer, otherPort] = [await target.peer(), await target.peer()];
      const otherIp = await target.peer({ host: 1 });
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(withPort(peer.address, 1)), "CreatePermission");
      await assertRelays(client, relayed, peer);
      await assertRelays(client, relayed, otherPort);
      await assertDropsToClient(client, relayed, peer, () => otherIp.send(relayed, text("no permission")));
      await assertDropsToPeer(client, otherIp, () =>
        client.sendIndication(otherIp.address, text("no permission")),
      );
    },
  },
  {
    id: "no-permission",
    title: "without a permission nothing is relayed, in either direction",
    rfc: "RFC 8656 sections 11.2 and 11.3",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const permitted = await target.peer({ host: 1 });
      const relayed = await allocate(client);
      await assertDropsToClient(client, relayed, permitted, () => peer.send(relayed, text("unasked")));
      await assertDropsToPeer(client, peer, () => client.sendIndication(peer.address, text("unasked")));
    },
  },
  {
    id: "permission-expires",
    title: "a permission lasts 300 s, swept or not; then nothing is relayed",
    rfc: "RFC 8656 section 9",
    needs: ["clock"],
    async run(target) {
      for (const swept of [false, true]) {
        const [client, peer] = [await target.client(), await target.peer()];
        const permitted = await target.peer({ host: 1 });
        const relayed = await allocate(client);
        assertSuccess(await client.createPermission(peer.address), "CreatePermission");
        target.controls.advance(299);
        await assertRelays(client, relayed, peer);
        target.controls.advance(1);
        if (swept) target.controls.sweep();
        await assertDropsToClient(client, relayed, permitted, () => peer.send(relayed, text("late")));
        await assertDropsToPeer(client, peer, () => client.sendIndication(peer.address, text("late")));
      }
    },
  },
  {
    id: "permission-refreshed",
    title: "CreatePermission for a permitted address starts its 300 s again; sending data does not",
    rfc: "RFC 8656 section 9",
    needs: ["clock"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client, { lifetimeSeconds: 3600 });
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      target.controls.advance(200);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission again");
      target.controls.advance(299);
      await assertRelays(client, relayed, peer);
      target.controls.advance(1);
      await assertDropsToPeer(client, peer, () => client.sendIndication(peer.address, text("late")));
    },
  },
  {
    id: "permission-limit",
    title:
      "permissions are limited: one too many gets 403, and those that are there stay and can be refreshed",
    rfc: "RFC 8656 section 10.2; DESIGN section 5, quotas",
    settings: { maxPermissionsPerAllocation: 2 },
    async run(target) {
      const [client, one] = [await target.client(), await target.peer()];
      const other = await target.peer({ host: 1 });
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(one.address), "the first");
      const twice = [withPort(other.address, 1), withPort(other.address, 2)];
      assertSuccess(await client.createPermission(...twice), "the second: one address, however often");
      // A live relayed address is a target that every relay allows.
      const third = await allocate(await target.client());
      await assertRefusedAndKept(client, await client.createPermission(third), 403);
      assertSuccess(await client.createPermission(one.address, other.address), "a refresh of both");
      await assertRelays(client, relayed, one);
      assert.equal((await client.channelBind(0x4000, third)).outcome, 508, "ChannelBind has no room either");
    },
  },
];
