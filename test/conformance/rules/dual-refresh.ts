import assert from "node:assert/strict";
import { addressFamilyAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import {
  allocateBoth,
  assertRefused,
  assertRefusedAndKept,
  assertRelays,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Rule } from "../target.ts";

const IPV4_ONLY = addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 4);
const IPV6_ONLY = addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 6);

export const DUAL_REFRESH_RULES: readonly Rule[] = [
  {
    id: "dual-refresh-zero-one",
    title: "Refresh(0) of one family ends its address, permissions and channels; the other's stay",
    rfc: "RFC 8656 sections 8.1 and 8.2",
    needs: ["ipv6", "local"],
    async run(target) {
      const client = await target.client();
      const [ipv4, ipv6] = await allocateBoth(client);
      const [peer4, peer6] = [await target.peer(), await target.peer({ family: 6 })];
      assertSuccess(await client.createPermission(peer4.address), "CreatePermission for IPv4");
      assertSuccess(await client.channelBind(0x4000, peer6.address), "ChannelBind for IPv6");
      assert.equal((await client.refresh(0, [IPV6_ONLY])).lifetimeSeconds, 0);
      assert.deepEqual([await target.isFree(ipv6), await target.isFree(ipv4)], [true, false]);
      await assertRelays(client, ipv4, peer4);
      await assertRefusedAndKept(client, await client.createPermission(peer6.address), 443);
      await assertRefusedAndKept(client, await client.channelBind(0x4001, peer6.address), 443);
      await assertRefusedAndKept(client, await client.refresh(0, [IPV6_ONLY]), 443);
      assertSuccess(
        await client.channelBind(0x4000, peer4.address),
        "ChannelBind of the number that is free",
      );
      assertSuccess(await client.refresh(0, [IPV4_ONLY]), "Refresh(0) of the other");
      await assertRefused(client, await client.refresh(), 437);
      assert.equal(await target.isFree(ipv4), true);
    },
  },
  {
    id: "dual-refresh-zero-both",
    title: "Refresh(0) without a family ends both addresses",
    rfc: "RFC 8656 sections 8.1 and 8.2",
    needs: ["ipv6", "local"],
    async run(target) {
      const client = await target.client();
      const both = await allocateBoth(client);
      assertSuccess(await client.refresh(0), "Refresh(0)");
      await assertRefused(client, await client.refresh(), 437);
      for (const address of both) assert.equal(await target.isFree(address), true);
      await allocateBoth(client);
    },
  },
  {
    id: "dual-lifetimes-apart",
    title: "each address has a lifetime of its own: what is not refreshed ends, swept or not",
    rfc: "RFC 8656 sections 6 and 8.1",
    needs: ["ipv6", "clock", "local"],
    async run(target) {
      const client = await target.client();
      const [ipv4, ipv6] = await allocateBoth(client);
      const [peer4, peer6] = [await target.peer(), await target.peer({ family: 6 })];
      target.controls.advance(500);
      assertSuccess(await client.refresh(600, [IPV4_ONLY]), "Refresh of the IPv4 address");
      assertSuccess(await client.createPermission(peer4.address, peer6.address), "CreatePermission");
      assertSuccess(await client.channelBind(0x4000, peer6.address), "ChannelBind");
      target.controls.advance(100);
      await client.sendIndication(peer6.address, text("late"));
      await client.sendChannelData(0x4000, text("late"));
      await peer6.send(ipv6, text("late"));
      await assertRelays(client, ipv4, peer4);
      assert.deepEqual([peer6.packets.pending.length, client.data.pending.length], [0, 0]);
      target.controls.sweep();
      assert.equal(await target.isFree(ipv6), true);
      await assertRefusedAndKept(client, await client.refresh(600, [IPV6_ONLY]), 443);
      assert.equal(target.controls.allocationCount, 1);
    },
  },
];
