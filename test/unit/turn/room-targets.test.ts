import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";
import { ClaimLedger } from "../../../src/turn/claim-ledger.ts";
import { createRelayTargetPolicy } from "../../../src/turn/relay-target-policy.ts";
import { RoomTargets } from "../../../src/turn/room-targets.ts";

const ANN = { roomKey: "blue", peer: "ann" };
const BEN = { roomKey: "blue", peer: "ben" };
const CLEO = { roomKey: "blue", peer: "cleo" };
const EVE = { roomKey: "red", peer: "eve" };
const MAX = 16;
const CLIENT = ip("81.2.69.1");

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

const TARGET = ip("89.160.20.1");
const addressesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `89.160.21.${first + i}`);

function open(): { rooms: RoomTargets; ledger: ClaimLedger } {
  const ledger = new ClaimLedger();
  const relayIps = [ip("185.199.1.2")];
  const closed = { allow: [], deny: [], lan: false, dev: false, relayIps, otherOwnIps: [] };
  return { rooms: new RoomTargets(createRelayTargetPolicy(closed), ledger), ledger };
}

function claims(rooms: RoomTargets, addresses: readonly string[]): boolean[] {
  return addresses.map((address) => rooms.standing(ANN, ip(address)) === "claimed");
}

const signal = (addresses: readonly string[], icePasswords: readonly string[] = []) => ({
  addresses,
  icePasswords,
});

describe("a target's standing", () => {
  test("is what other members of the room have shown, and nobody else", () => {
    const { rooms } = open();
    expect(rooms.standing(ANN, TARGET)).toBe("stranger");
    rooms.iceSignalled(ANN, "ben", signal(["89.160.20.1"]));
    rooms.iceSignalled(EVE, "ann", signal(["89.160.20.1"]));
    rooms.clientSeen(ANN, TARGET);
    rooms.clientSeen(EVE, TARGET);
    expect(rooms.standing(ANN, TARGET)).toBe("stranger");
    rooms.iceSignalled(BEN, "cleo", signal(["89.160.20.1"]));
    expect(rooms.standing(ANN, TARGET)).toBe("claimed");
    rooms.clientSeen(CLEO, withPort(TARGET, 4000));
    expect(rooms.standing(ANN, TARGET)).toBe("open");
  });

  test("ends with the seats that gave it, and a room with its last one", () => {
    const { rooms } = open();
    rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"]));
    rooms.clientSeen(CLEO, TARGET);
    rooms.forget(CLEO);
    expect(rooms.standing(ANN, TARGET)).toBe("claimed");
    rooms.forget(BEN);
    rooms.forget(BEN);
    expect([rooms.standing(ANN, TARGET), rooms.size]).toEqual(["stranger", 0]);
  });
});

describe("claimed addresses", () => {
  test("are not those that are no addresses, nor those that the network policy refuses, nor our own", () => {
    const { rooms } = open();
    const refused = [
      "10.0.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "::ffff:89.160.20.1",
      "185.199.1.2",
      "fe80::1",
    ];
    const none = [
      "f1d2.local",
      "example.com",
      "089.160.20.1",
      "1503663105",
      "89.160.20.1%eth0",
      "",
      "0x59.0xa0.0x14.1",
    ];
    rooms.iceSignalled(BEN, "ann", signal([...refused, ...none, ...addressesFrom(1, MAX)]));
    expect(claims(rooms, addressesFrom(1, MAX))).toEqual(new Array(MAX).fill(true));
    expect(claims(rooms, refused)).toEqual(refused.map(() => false));
    expect(rooms.standing(ANN, TARGET)).toBe("stranger");
  });

  test("are sixteen of a member: the oldest to which nothing was sent makes room for another", () => {
    const { rooms, ledger } = open();
    const [first, ...others] = addressesFrom(1, MAX + 1);
    for (const address of addressesFrom(1, MAX)) rooms.iceSignalled(BEN, "ann", signal([address]));
    ledger.take(withPort(ip(String(first)), 1), randomBytes(12), CLIENT, 0);
    rooms.iceSignalled(BEN, "ann", signal(addressesFrom(MAX + 1, 1)));
    expect(claims(rooms, [String(first), ...others])).toEqual([
      true,
      false,
      ...new Array(MAX - 1).fill(true),
    ]);
  });

  test("are none more than sixteen strangers, whatever a member says after something was sent to them", () => {
    const { rooms, ledger } = open();
    for (const address of addressesFrom(1, MAX)) {
      rooms.iceSignalled(BEN, "ann", signal([address]));
      ledger.take(withPort(ip(address), 1), randomBytes(12), CLIENT, 0);
    }
    rooms.iceSignalled(BEN, "ann", signal(addressesFrom(100, 100)));
    expect(claims(rooms, addressesFrom(100, 100))).not.toContain(true);
    ledger.strikeOut(withPort(ip("89.160.21.1"), 1));
    rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"]));
    expect(rooms.standing(ANN, TARGET)).toBe("claimed");
  });
});

test("sources of TURN requests are sixteen of a member: the one not seen for longest makes room", () => {
  const { rooms } = open();
  const sources = addressesFrom(1, MAX + 1);
  for (const source of sources.slice(0, MAX)) rooms.clientSeen(BEN, ip(source));
  rooms.clientSeen(BEN, ip(String(sources[0])));
  rooms.clientSeen(BEN, ip(String(sources[MAX])));
  const open16 = sources.map((source) => rooms.standing(ANN, ip(source)) === "open");
  expect(open16).toEqual(sources.map((_, i) => i !== 1));
});

describe("what proves a claimed address", () => {
  const passwords = (rooms: RoomTargets, kind: "check" | "answer") =>
    [...rooms.proofKeys(ANN, TARGET, kind)].map(({ peer, key }) => [peer, Buffer.from(key).toString()]);

  test("is, for a check, what the member signalled to whoever claims it; for an answer, what that one signalled to the member", () => {
    const { rooms } = open();
    rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"], ["of Ben for Ann"]));
    rooms.iceSignalled(BEN, "cleo", signal([], ["of Ben for Cleo"]));
    rooms.iceSignalled(CLEO, "ann", signal(["89.160.20.2"], ["of Cleo for Ann"]));
    rooms.iceSignalled(ANN, "ben", signal([], ["of Ann for Ben"]));
    rooms.iceSignalled(ANN, "cleo", signal([], ["of Ann for Cleo"]));
    rooms.iceSignalled(EVE, "ann", signal(["89.160.20.1"], ["of Eve"]));
    expect(passwords(rooms, "check")).toEqual([["ben", "of Ann for Ben"]]);
    expect(passwords(rooms, "answer")).toEqual([["ben", "of Ben for Ann"]]);
  });

  test("are the passwords of three descriptions, the newest first; one that comes again is the newest again", () => {
    const { rooms } = open();
    for (const description of [["a"], ["b1", "b2"], ["c"], ["a"], ["d"]])
      rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"], description));
    expect(passwords(rooms, "answer").map(([, password]) => password)).toEqual(["d", "a", "c"]);
  });

  test("are forgotten when either of the two leaves", () => {
    const { rooms } = open();
    rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"], ["of Ben"]));
    rooms.iceSignalled(ANN, "ben", signal([], ["of Ann"]));
    rooms.forget(BEN);
    rooms.iceSignalled(BEN, "ann", signal(["89.160.20.1"]));
    expect([passwords(rooms, "check"), passwords(rooms, "answer")]).toEqual([[], []]);
  });
});
