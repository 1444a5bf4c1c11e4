import { describe, expect, test } from "vitest";
import {
  createCredentialVerifier,
  isRoomUser,
  issueCredential,
  roomUser,
} from "../../../src/credentials/turn-credentials.ts";
import { longTermKey } from "../../../src/stun/integrity.ts";

const REALM = "turnpike.test";
const NOW = 1_800_000_000;

function verifier(options: { secrets?: string[]; users?: { name: string; password: string }[] } = {}) {
  return createCredentialVerifier({
    secrets: ["s"],
    users: [],
    realm: REALM,
    nowSeconds: () => NOW,
    ...options,
  });
}

describe("issued credentials", () => {
  test("follow the REST convention to the letter", () => {
    // printf %s "1700000000:ann" | openssl dgst -sha1 -hmac north -binary | base64
    expect(issueCredential("north", "ann", 1_700_000_000)).toEqual({
      username: "1700000000:ann",
      credential: "jeamH6dA5l2I9g3jmieza7CzEDo=",
    });
  });

  test("open the relay until they expire, not in that second", () => {
    const { username, credential } = issueCredential("s", "ann", NOW + 1);
    expect(verifier().findUser(username)).toEqual({
      userId: "ann",
      keys: [longTermKey(username, REALM, credential)],
    });
    for (const expiresAt of [NOW, NOW - 1, 0]) {
      expect(verifier().findUser(issueCredential("s", "ann", expiresAt).username)).toBeUndefined();
    }
  });

  test("are accepted under every secret, the newest first", () => {
    const username = `${NOW + 60}:ann`;
    const keys = ["new", "old"].map((secret) =>
      longTermKey(username, REALM, issueCredential(secret, "ann", NOW + 60).credential),
    );
    expect(verifier({ secrets: ["new", "old"] }).findUser(username)?.keys).toEqual(keys);
  });

  test("may name any user, also none", () => {
    for (const user of ["", "ann:of:green", "ann\nb", "Zoë"]) {
      expect(verifier().findUser(`${NOW + 60}:${user}`)?.userId).toBe(user);
    }
    expect(verifier().findUser(`${NOW + 60}`)?.userId).toBe(`${NOW + 60}`);
  });

  test.each([
    "",
    "ann",
    ":ann",
    "-1:ann",
    "1e99:ann",
    "0x7fffffffff:ann",
    " 1900000000:ann",
    "9999999999999:ann",
  ])("%j is no username of ours", (username) => {
    expect(verifier().findUser(username)).toBeUndefined();
  });
});

describe("a room's credentials", () => {
  test("tell the member and the room's key", () => {
    const { username } = issueCredential("s", roomUser("peer_1", "key-2"), NOW + 60);
    expect(verifier().findUser(username)?.room).toEqual({ peer: "peer_1", roomKey: "key-2" });
    expect(verifier().findUser(`${NOW + 60}:ann`)?.room).toBeUndefined();
  });

  test("are told from all others", () => {
    expect(isRoomUser(roomUser("a", "b"))).toBe(true);
    for (const user of ["r.a", "r..b", "r.a.b.c", "x.a.b", "r.a.b ", ""])
      expect(isRoomUser(user)).toBe(false);
  });
});

describe("static users", () => {
  const users = [
    { name: "ann", password: "a:b c" },
    { name: `${NOW - 5}:old`, password: "p" },
  ];

  test("are found by their whole name, whatever it looks like", () => {
    for (const { name, password } of users) {
      expect(verifier({ users }).findUser(name)).toEqual({
        userId: name,
        keys: [longTermKey(name, REALM, password)],
      });
    }
  });

  test("names that every object has are nobody's", () => {
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      expect(verifier({ users }).findUser(name)).toBeUndefined();
    }
    expect(verifier({ users }).findUser("ann")?.userId).toBe("ann");
  });
});
