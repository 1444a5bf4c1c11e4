/** What attackers ask of a relay, whoever they are and however they are connected; more of it in `../conformance/rules`. */

import assert from "node:assert/strict";
import {
  formatIp,
  type IpAddress,
  type IpFamily,
  isLoopback,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { addressFamilyAttribute } from "../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { allocate, assertSuccess, text } from "../conformance/checks.ts";
import type { Rule, Target } from "../conformance/target.ts";
import { tcpOf } from "../conformance/tcp-checks.ts";
import { addressOf, deniedIpv4, deniedIpv6 } from "../support/denied-addresses.ts";
import { allocateTcp, connectTo } from "../support/tcp-requests.ts";
import type { TurnClient } from "../support/turn-client.ts";

const SECTION = "RFC 8656 section 21.1; DESIGN section 5, deny list";
const CHANNEL = 0x4000;
/** More at once and a socket's buffer may lose some. */
const AT_ONCE = 32;

/** Where a forgotten form of 127.0.0.9 would arrive. */
const VICTIM = addressOf("127.0.0.9");
const VICTIM_FORMS = {
  4: ["127.0.0.9", "0.0.0.0"],
  6: [
    "::ffff:127.0.0.9",
    "::127.0.0.9",
    "64:ff9b::127.0.0.9",
    "64:ff9b:1::127.0.0.9",
    "2002:7f00:9::1",
    "::",
  ],
} as const;

export const HOSTILE_SUITE: readonly Rule[] = [
  {
    id: "forms-refused-ipv4",
    title: "every denied IPv4 address is refused with 403, by CreatePermission and ChannelBind",
    rfc: SECTION,
    run: (target) => assertRefusedEverywhere(target, 4, deniedIpv4()),
  },
  {
    id: "forms-refused-ipv6",
    title: "every denied IPv6 address, and every IPv6 form of a denied IPv4 address, is refused with 403",
    rfc: SECTION,
    needs: ["ipv6"],
    run: (target) => assertRefusedEverywhere(target, 6, deniedIpv6().filter(isNotOwn)),
  },
  {
    id: "forms-refused-connect",
    title: "every denied address, in every form, is refused with 403 by Connect too (CVE-2026-73212)",
    rfc: "RFC 6062 section 5.2; DESIGN section 5, deny list",
    needs: ["stream", "tcp-relay", "ipv6"],
    async run(target) {
      const client = await tcpOf(target).control(target.alice);
      const both = [addressFamilyAttribute(ATTRIBUTE.additionalAddressFamily, 6)];
      const { relayedAddresses, outcome } = await allocateTcp(client, both);
      assert.deepEqual([outcome, relayedAddresses.map(({ family }) => family)], ["success", [4, 6]]);
      for (const ip of [...deniedIpv4(), ...deniedIpv6().filter(isNotOwn)])
        assert.equal((await connectTo(client, withPort(ip, 80))).outcome, 403, `Connect to ${formatIp(ip)}`);
      assertSuccess(await client.refresh(), "Refresh after all that was refused");
    },
  },
  {
    id: "forms-other-family",
    title: "what is denied is refused with 443 where the allocation has no address of its family",
    rfc: "RFC 8656 sections 10.2 and 12.2",
    needs: ["ipv6"],
    async run(target) {
      const client = await target.client();
      await allocate(client);
      await assertOutcome(client, deniedIpv6(), 443);
    },
  },
  {
    id: "forms-dropped",
    title: "Send indications and ChannelData to every denied address are dropped and counted",
    rfc: SECTION,
    needs: ["inside"],
    run: (target) => assertDropped(target, 4, deniedIpv4()),
  },
  {
    id: "forms-dropped-ipv6",
    title: "Send indications and ChannelData to every denied form of IPv6 are dropped and counted",
    rfc: SECTION,
    needs: ["inside", "ipv6"],
    run: (target) => assertDropped(target, 6, deniedIpv6()),
  },
  {
    id: "denied-among-allowed",
    title: "one denied address among allowed ones refuses them all, wherever it stands",
    rfc: "RFC 8656 section 10.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      for (const denied of deniedIpv4().map((ip) => withPort(ip, 80))) {
        assert.equal((await client.createPermission(peer.address, denied)).outcome, 403);
        assert.equal((await client.createPermission(denied, peer.address)).outcome, 403);
      }
      await client.sendIndication(peer.address, text("without permission"));
      assertSuccess(await client.createPermission(peer.address), "CreatePermission for the allowed one");
      await client.sendIndication(peer.address, text("marker"));
      assert.equal((await peer.packets.take()).data.toString(), "marker");
    },
  },
  {
    id: "padding-says-nothing",
    title: "what pads attributes and ChannelData is zero, never a piece of somebody's packet (CVE-2020-4067)",
    rfc: "RFC 8489 section 14; RFC 8656 section 12.5",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      const loud = Buffer.alloc(1200, 0xee);
      for (const size of [1, 2, 3, 5, 1199]) {
        await client.sendIndication(peer.address, loud);
        await peer.packets.take();
        await peer.send(relayed, loud.subarray(0, size));
        assertZeroPadding((await client.data.take()).bytes);
      }
      const answers = [await client.bind(), await client.refresh(), await client.createPermission()];
      answers.push(await client.ask(METHOD.allocate));
      for (const answer of answers) assertZeroPadding(answer.message.bytes);
      assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
      for (const size of [1, 2, 3, 5, 1199]) {
        await client.sendChannelData(CHANNEL, loud, 0);
        await peer.packets.take();
        await peer.send(relayed, loud.subarray(0, size));
        const { bytes, data } = await client.data.take();
        assert.deepEqual([...bytes.subarray(4 + data.length)].filter(Boolean), [], "behind ChannelData");
      }
    },
  },
];

/** What needs a socket where nothing may arrive. */
export const LOOPBACK_SUITE: readonly Rule[] = [
  {
    id: "loopback-unreached-ipv4",
    title: "no way leads to a socket on loopback (CVE-2020-26262)",
    rfc: SECTION,
    run: (target) => assertUnreached(target, 4),
  },
  {
    id: "loopback-unreached-ipv6",
    title: "no IPv6 form of loopback leads to a socket there (CVE-2020-26262, CVE-2026-27624)",
    rfc: SECTION,
    needs: ["ipv6"],
    run: (target) => assertUnreached(target, 6),
  },
];

/** Over sockets ::1 is the relay's own address. */
function isNotOwn(ip: IpAddress): boolean {
  return !(ip.family === 6 && isLoopback(ip));
}

async function assertRefusedEverywhere(
  target: Target,
  family: IpFamily,
  denied: readonly IpAddress[],
): Promise<void> {
  const client = await target.client({ family });
  await allocate(client, family === 4 ? {} : { family });
  await assertOutcome(client, denied, 403);
  assertSuccess(await client.refresh(), "Refresh after all that was refused");
}

async function assertOutcome(client: TurnClient, ips: readonly IpAddress[], code: number): Promise<void> {
  for (const ip of ips) {
    const address = withPort(ip, 80);
    assert.equal((await client.createPermission(address)).outcome, code, `CreatePermission ${formatIp(ip)}`);
    assert.equal((await client.channelBind(CHANNEL, address)).outcome, code, `ChannelBind ${formatIp(ip)}`);
  }
}

async function assertDropped(target: Target, family: IpFamily, denied: readonly IpAddress[]): Promise<void> {
  const client = await target.client({ family });
  await allocate(client, family === 4 ? {} : { family });
  const before = { ...target.controls.drops };
  for (const [i, ip] of denied.entries()) {
    await attackByData(client, withPort(ip, 80));
    if (i % AT_ONCE === 0) assertSuccess(await client.refresh(), "Refresh meanwhile");
  }
  assertSuccess(await client.refresh(), "Refresh afterwards");
  const after = target.controls.drops;
  assert.equal(after["no-permission"] - before["no-permission"], denied.length, "Send indications");
  assert.equal(after["no-channel"] - before["no-channel"], denied.length, "ChannelData");
}

/** Behind each attribute of a STUN message. */
function assertZeroPadding(bytes: Uint8Array): void {
  const message = Buffer.from(bytes);
  for (let at = 20; at < message.length; ) {
    const end = at + 4 + message.readUInt16BE(at + 2);
    const next = (end + 3) & ~3;
    assert.deepEqual([...message.subarray(end, next)].filter(Boolean), [], "behind an attribute");
    at = next;
  }
}

async function attackByData(client: TurnClient, address: TransportAddress): Promise<void> {
  await client.sendIndication(address, text("attack"));
  await client.sendChannelData(CHANNEL, text("attack"));
}

async function assertUnreached(target: Target, family: IpFamily): Promise<void> {
  const victim = await target.endpointAt(VICTIM);
  const { port } = victim.address;
  const client = await target.client({ family });
  await allocate(client, family === 4 ? {} : { family });
  for (const form of VICTIM_FORMS[family]) {
    const address = withPort(addressOf(form), port);
    await client.createPermission(address);
    await client.channelBind(CHANNEL, address);
    await attackByData(client, address);
  }
  assertSuccess(await client.refresh(), "Refresh after the attacks");
  // What the relay might have sent is on its way before this packet.
  const bystander = await target.endpointAt(VICTIM);
  await bystander.send(victim.address, text("marker"));
  assert.equal((await victim.packets.take()).data.toString(), "marker");
}
