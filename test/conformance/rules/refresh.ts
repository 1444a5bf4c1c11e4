import assert from "node:assert/strict";
import { uint32Attribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { allocate, assertRefused, assertRefusedAndKept, assertRelays, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";

export const REFRESH_RULES: readonly Rule[] = [
  {
    id: "refresh-lifetime",
    title: "Refresh gives the lifetime that was asked for, at least 600 s and at most 3600 s",
    rfc: "RFC 8656 section 8.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      assert.equal((await client.refresh()).lifetimeSeconds, 600, "without LIFETIME");
      for (const [asked, given] of [
        [1, 600],
        [1200, 1200],
        [3600, 3600],
        [0xffffffff, 3600],
      ] as const) {
        assert.equal((await client.refresh(asked)).lifetimeSeconds, given, `asked for ${asked}`);
      }
    },
  },
  {
    id: "refresh-keeps",
    title: "a Refresh that is not 0 keeps the allocation: data goes on, and so does the next Refresh",
    rfc: "RFC 8656 section 8.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      for (const lifetime of [600, 900])
        assertSuccess(await client.refresh(lifetime), `Refresh(${lifetime})`);
      // Twenty packets each way last longer than a timer of one millisecond, which node-turn ends the allocation with.
      for (let i = 0; i < 20; i++) await assertRelays(client, relayed, peer);
      assertSuccess(await client.refresh(600), "the next Refresh");
    },
  },
  {
    id: "refresh-extends",
    title: "a Refresh counts from when it comes",
    rfc: "RFC 8656 section 8.2",
    needs: ["clock"],
    async run(target) {
      const client = await target.client();
      await allocate(client);
      target.controls.advance(599);
      assertSuccess(await client.refresh(), "Refresh after 599 s");
      target.controls.advance(599);
      target.controls.sweep();
      assertSuccess(await client.refresh(), "Refresh after 599 s more");
      target.controls.advance(601);
      await assertRefused(client, await client.refresh(), 437);
    },
  },
  {
    id: "refresh-zero",
    title: "Refresh with LIFETIME 0 ends the allocation: 437, and a new Allocate succeeds at once",
    rfc: "RFC 8656 section 8.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const answer = await client.refresh(0);
      assertSuccess(answer, "Refresh(0)");
      assert.equal(answer.lifetimeSeconds, 0);
      await assertRefused(client, await client.refresh(), 437);
      assertSuccess(await client.allocate(), "a new Allocate");
    },
  },
  {
    id: "refresh-zero-frees-port",
    title: "Refresh with LIFETIME 0 frees the relay port",
    rfc: "RFC 8656 section 8.2",
    needs: ["local"],
    async run(target) {
      const client = await target.client();
      const relayed = await allocate(client);
      assert.equal(await target.isFree(relayed), false);
      assertSuccess(await client.refresh(0), "Refresh(0)");
      assertSuccess(await client.bind(), "Binding");
      assert.equal(await target.isFree(relayed), true);
    },
  },
  {
    id: "no-allocation",
    title: "Refresh, CreatePermission and ChannelBind without an allocation get 437",
    rfc: "RFC 8656 section 5",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await assertRefused(client, await client.refresh(600), 437);
      await assertRefused(client, await client.refresh(0), 437);
      await assertRefused(client, await client.createPermission(peer.address), 437);
      await assertRefused(client, await client.channelBind(0x4000, peer.address), 437);
    },
  },
  {
    id: "wrong-credentials",
    title: "another user on the 5-tuple of an allocation gets 441 and changes nothing",
    rfc: "RFC 8656 section 5",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const answer = await client.request(
        METHOD.refresh,
        [uint32Attribute(ATTRIBUTE.lifetime, 0)],
        target.bob,
      );
      await assertRefusedAndKept(client, answer, 441);
      assert.ok(answer.isAuthentic, "MESSAGE-INTEGRITY under the key that asked");
    },
  },
  {
    id: "refresh-malformed-lifetime",
    title: "Refresh with a malformed LIFETIME gets 400 and changes nothing",
    rfc: "RFC 8656 section 8.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      for (const length of [0, 3, 8]) {
        const malformed = { type: ATTRIBUTE.lifetime, value: new Uint8Array(length) };
        await assertRefusedAndKept(client, await client.request(METHOD.refresh, [malformed]), 400);
      }
    },
  },
];
