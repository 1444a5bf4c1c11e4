import { describe, expect, test } from "vitest";
import {
  type CredentialVerifierOptions,
  createCredentialVerifier,
  isRoomUser,
  issueCredential,
  roomUser,
} from "../../../src/credentials/turn-credentials.ts";
import { longTermKey } from "../../../src/stun/integrity.ts";
import { userhash } from "../../../src/stun/password-algorithm.ts";

const REALM = "turnpike.test";
const NOW = 1_800_000_000;

function verifier(options: Partial<CredentialVerifierOptions> = {}) {
  return createCredentialVerifier({
    secrets: ["s"],
    users: [],
    realm: REALM,
    nowSeconds: () => NOW,
    hasSeat: () => true,
    ...options,
  });
}

/** The long-term keys of RFC 8489 section 9.2.2, in the order of the passwords. */
function keysOf(username: string, passwords: readonly string[]) {
  return {
    md5: passwords.map((password) => longTermKey(username, REALM, password)),
    sha256: passwords.map((password) => longTermKey(username, REALM, password, "sha256")),
  };
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
      keys: keysOf(username, [credential]),
    });
    for (const expiresAt of [NOW, NOW - 1, 0]) {
      expect(verifier().findUser(issueCredential("s", "ann", expiresAt).username)).toBeUndefined();
    }
  });

  test("are accepted under every secret, the newest first", () => {
    const username = `${NOW + 60}:ann`;
    const passwords = ["new", "old"].map((secret) => issueCredential(secret, "ann", NOW + 60).credential);
    const { keys } = verifier({ secrets: ["new", "old"] }).findUser(username) ?? {};
    expect(keys).toEqual(keysOf(username, passwords));
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
  test("are good as long as the member has its seat, whatever their expiry", () => {
    const seats = new Set(["ann in k"]);
    const rooms = verifier({ hasSeat: ({ peer, roomKey }) => seats.has(`${peer} in ${roomKey}`) });
    const { username } = issueCredential("s", roomUser("ann", "k"), NOW + 60);
    expect(rooms.findUser(username)?.room).toEqual({ peer: "ann", roomKey: "k" });
    seats.clear();
    expect(rooms.findUser(username)).toBeUndefined();
    expect(rooms.findUser(issueCredential("s", "ann", NOW + 60).username)?.userId).toBe("ann");
  });

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
        keys: keysOf(name, [password]),
      });
    }
  });

  test("are found by their USERHASH in this realm; nobody else has one", () => {
    const { usernameOf } = verifier({ users });
    for (const { name } of users) expect(usernameOf(userhash(name, REALM))).toBe(name);
    for (const hash of [
      userhash("ann", "elsewhere.test"),
      userhash("bob", REALM),
      userhash(issueCredential("s", "ann", NOW + 60).username, REALM),
      userhash("ann", REALM).subarray(0, 31),
      new Uint8Array(),
    ]) {
      expect(usernameOf(hash)).toBeUndefined();
    }
  });

  test("names that every object has are nobody's", () => {
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      expect(verifier({ users }).findUser(name)).toBeUndefined();
    }
    expect(verifier({ users }).findUser("ann")?.userId).toBe("ann");
  });
});
