import { expect, it } from "vitest";
import { type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";
import { AllocationTable, type Opening } from "../../../src/turn/allocation-table.ts";
import type { ClientLink } from "../../../src/turn/ports.ts";

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** An allocation of a client there whose relay socket is being opened. */
function openingFrom(text: string): Opening {
  const pending = { kind: "pending", username: "alice", transactionId: new Uint8Array(12) } as const;
  const remote = withPort(ip(text), 5000);
  const link = { remote, holding: pending } as unknown as ClientLink;
  return { user: { userId: "alice", keys: { md5: [], sha256: [] } }, link, pending, relays: 1, ports: 1 };
}

it("counts an IPv6 client by its /64: whoever has one address there has them all", () => {
  const table = new AllocationTable();
  const opening = openingFrom("2a02:8100:1:2::1");
  table.beginOpening(opening);
  table.beginOpening(openingFrom("2a02:8100:1:2:ffff::7"));
  expect(table.countOfClientIp(ip("2a02:8100:1:2:3:4:5:6"))).toBe(2);
  expect(table.countOfClientIp(ip("2a02:8100:1:3::1"))).toBe(0);
  table.endOpening(opening);
  table.endOpening(opening);
  expect(table.countOfClientIp(ip("2a02:8100:1:2::1"))).toBe(1);
});

it("counts an IPv4 client by its address", () => {
  const table = new AllocationTable();
  table.beginOpening(openingFrom("198.51.100.1"));
  expect(table.countOfClientIp(ip("198.51.100.1"))).toBe(1);
  expect(table.countOfClientIp(ip("198.51.100.2"))).toBe(0);
});
