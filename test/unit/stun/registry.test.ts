/** The registry against the RFCs' own tables, which stand here as literal data. */

import { expect, test } from "vitest";
import {
  ATTRIBUTE,
  attributeName,
  ERROR_REASONS,
  isComprehensionRequired,
  MAGIC_COOKIE,
  METHOD,
} from "../../../src/stun/registry.ts";

/** RFC 8489 section 18.3 (18.3.1 and 18.3.2, reserved ones left out). */
const RFC_8489_ATTRIBUTES: readonly (readonly [number, string])[] = [
  [0x0001, "MAPPED-ADDRESS"],
  [0x0006, "USERNAME"],
  [0x0008, "MESSAGE-INTEGRITY"],
  [0x0009, "ERROR-CODE"],
  [0x000a, "UNKNOWN-ATTRIBUTES"],
  [0x0014, "REALM"],
  [0x0015, "NONCE"],
  [0x001c, "MESSAGE-INTEGRITY-SHA256"],
  [0x001d, "PASSWORD-ALGORITHM"],
  [0x001e, "USERHASH"],
  [0x0020, "XOR-MAPPED-ADDRESS"],
  [0x8002, "PASSWORD-ALGORITHMS"],
  [0x8003, "ALTERNATE-DOMAIN"],
  [0x8022, "SOFTWARE"],
  [0x8023, "ALTERNATE-SERVER"],
  [0x8028, "FINGERPRINT"],
];

/** RFC 8656 section 23, "STUN Attributes" (reserved ones left out). */
const RFC_8656_ATTRIBUTES: readonly (readonly [number, string])[] = [
  [0x000c, "CHANNEL-NUMBER"],
  [0x000d, "LIFETIME"],
  [0x0012, "XOR-PEER-ADDRESS"],
  [0x0013, "DATA"],
  [0x0016, "XOR-RELAYED-ADDRESS"],
  [0x0017, "REQUESTED-ADDRESS-FAMILY"],
  [0x0018, "EVEN-PORT"],
  [0x0019, "REQUESTED-TRANSPORT"],
  [0x001a, "DONT-FRAGMENT"],
  [0x0022, "RESERVATION-TOKEN"],
  [0x8000, "ADDITIONAL-ADDRESS-FAMILY"],
  [0x8001, "ADDRESS-ERROR-CODE"],
  [0x8004, "ICMP"],
];

/** RFC 8445 section 20.1. */
const RFC_8445_ATTRIBUTES: readonly (readonly [number, string])[] = [
  [0x0024, "PRIORITY"],
  [0x0025, "USE-CANDIDATE"],
  [0x8029, "ICE-CONTROLLED"],
  [0x802a, "ICE-CONTROLLING"],
];

/** RFC 6062 section 6.2. */
const RFC_6062_ATTRIBUTES: readonly (readonly [number, string])[] = [[0x002a, "CONNECTION-ID"]];

/** RFC 5780 section 9.1 (CACHE-TIMEOUT, which nobody uses, left out). */
const RFC_5780_ATTRIBUTES: readonly (readonly [number, string])[] = [
  [0x0003, "CHANGE-REQUEST"],
  [0x0026, "PADDING"],
  [0x0027, "RESPONSE-PORT"],
  [0x802b, "RESPONSE-ORIGIN"],
  [0x802c, "OTHER-ADDRESS"],
];

/** RFC 8016 section 5. */
const RFC_8016_ATTRIBUTES: readonly (readonly [number, string])[] = [[0x8030, "MOBILITY-TICKET"]];

/** RFC 8489 section 18.2, RFC 8656 section 23 and RFC 6062 section 6.1, "STUN Methods". */
const METHODS: readonly (readonly [number, string])[] = [
  [0x001, "Binding"],
  [0x003, "Allocate"],
  [0x004, "Refresh"],
  [0x006, "Send"],
  [0x007, "Data"],
  [0x008, "CreatePermission"],
  [0x009, "ChannelBind"],
  [0x00a, "Connect"],
  [0x00b, "ConnectionBind"],
  [0x00c, "ConnectionAttempt"],
];

/** RFC 8489 section 14.8, RFC 8656 section 19, RFC 8016 section 5 (405), RFC 6062 section 6.3 (446, 447). */
const ERRORS: readonly (readonly [number, string])[] = [
  [300, "Try Alternate"],
  [400, "Bad Request"],
  [401, "Unauthenticated"],
  [403, "Forbidden"],
  [405, "Mobility Forbidden"],
  [420, "Unknown Attribute"],
  [437, "Allocation Mismatch"],
  [438, "Stale Nonce"],
  [440, "Address Family not Supported"],
  [441, "Wrong Credentials"],
  [442, "Unsupported Transport Protocol"],
  [443, "Peer Address Family Mismatch"],
  [446, "Connection Already Exists"],
  [447, "Connection Timeout or Failure"],
  [486, "Allocation Quota Reached"],
  [500, "Server Error"],
  [508, "Insufficient Capacity"],
];

/** "XOR-PEER-ADDRESS" gives "xorPeerAddress". */
function camelCase(rfcName: string): string {
  return rfcName.toLowerCase().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

const byNumber = (a: readonly [number, string], b: readonly [number, string]) => a[0] - b[0];

test("every attribute of RFC 8489, 8656, 6062, 5780, 8016 and 8445 has its number, and there is no other", () => {
  const rfcs = [
    ...RFC_8489_ATTRIBUTES,
    ...RFC_8656_ATTRIBUTES,
    ...RFC_6062_ATTRIBUTES,
    ...RFC_5780_ATTRIBUTES,
    ...RFC_8016_ATTRIBUTES,
    ...RFC_8445_ATTRIBUTES,
  ];
  const expected = rfcs.map(([type, name]) => [type, camelCase(name)] as const).sort(byNumber);
  const actual = Object.entries(ATTRIBUTE).map(([name, type]) => [type, name] as const);
  expect([...actual].sort(byNumber)).toEqual(expected);
});

test("every method of RFC 8489 and 8656 has its number, and there is no other", () => {
  const expected = METHODS.map(([method, name]) => [method, name[0]?.toLowerCase() + name.slice(1)]);
  expect(Object.entries(METHOD).map(([name, method]) => [method, name])).toEqual(expected);
});

test("every error code has its reason phrase, and there is no other", () => {
  expect(Object.entries(ERROR_REASONS).map(([code, reason]) => [Number(code), reason])).toEqual(ERRORS);
});

test("the magic cookie is 0x2112A442", () => {
  expect(MAGIC_COOKIE).toBe(0x2112a442);
});

test("comprehension is required below 0x8000, optional from there on", () => {
  expect([0x0000, 0x0006, 0x7fff].map(isComprehensionRequired)).toEqual([true, true, true]);
  expect([0x8000, 0x8022, 0xffff].map(isComprehensionRequired)).toEqual([false, false, false]);
});

test("an attribute is named, an unknown one by its number", () => {
  expect(attributeName(0x0016)).toBe("xorRelayedAddress");
  expect(attributeName(0x7777)).toBe("0x7777");
  expect(attributeName(0x002b)).toBe("0x002b");
});
