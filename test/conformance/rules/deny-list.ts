import assert from "node:assert/strict";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { connectTo } from "../../support/tcp-requests.ts";
import { allocate, assertSuccess } from "../checks.ts";
import type { Rule, Target } from "../target.ts";
import { openAllocation } from "../tcp-checks.ts";

const DENIED_IPV4 = [
  "0.0.0.0",
  "127.0.0.1",
  "127.255.255.254",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254", // a cloud's metadata service
  "100.100.100.200", // another cloud's
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
];

const DENIED_IPV6 = [
  "::",
  "::ffff:127.0.0.1",
  "::ffff:169.254.169.254",
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::7f00:1",
  "2002:7f00:1::",
  "2002:a9fe:a9fe::1",
  "2001:0:7f00:1::1",
  "2001:1::1", // the PCP server of the network that the relay is in
  "fe80::1",
  "fc00::1",
  "fd00:ec2::254", // metadata service over IPv6
  "ff02::1",
  "2001:db8::1",
];

export const DENY_LIST_RULES: readonly Rule[] = [
  {
    id: "denied-ipv4",
    title: "addresses that are not of the public internet are refused with 403: IPv4",
    rfc: "RFC 8656 section 21.1; DESIGN section 5, deny list",
    run: (target) => assertDenied(target, 4, DENIED_IPV4),
  },
  {
    id: "denied-ipv6",
    title: "addresses that are not of the public internet are refused with 403: IPv6, and IPv4 within IPv6",
    rfc: "RFC 8656 section 21.1; DESIGN section 5, deny list",
    needs: ["ipv6"],
    run: (target) => assertDenied(target, 6, DENIED_IPV6),
  },
  {
    id: "denied-ipv6-loopback",
    title: "::1 is refused with 403",
    rfc: "RFC 8656 section 21.1; DESIGN section 5, deny list",
    needs: ["ipv6", "public"],
    run: (target) => assertDenied(target, 6, ["::1"]),
  },
  {
    id: "denied-connect",
    title: "Connect to addresses that are not of the public internet is refused with 403 (CVE-2026-73212)",
    rfc: "RFC 6062 section 5.2; DESIGN section 5, deny list",
    needs: ["stream", "tcp-relay"],
    async run(target) {
      const { client } = await openAllocation(target);
      for (const ip of DENIED_IPV4)
        assert.equal((await connectTo(client, addressOf(ip))).outcome, 403, `Connect to ${ip}`);
      assertSuccess(await client.refresh(), "Refresh after the 403s");
    },
  },
];

async function assertDenied(target: Target, family: 4 | 6, ips: readonly string[]): Promise<void> {
  const client = await target.client({ family });
  await allocate(client, family === 4 ? {} : { family });
  for (const ip of ips) {
    const address = addressOf(ip);
    assert.equal((await client.createPermission(address)).outcome, 403, `CreatePermission for ${ip}`);
    assert.equal((await client.channelBind(0x4000, address)).outcome, 403, `ChannelBind to ${ip}`);
  }
  assertSuccess(await client.refresh(), "Refresh after the 403s");
}

function addressOf(text: string): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return withPort(ip, 80);
}
