import { expect, test } from "vitest";
import { CredentialBook } from "../../../src/credentials/credential-book.ts";
import { issueCredential } from "../../../src/credentials/turn-credentials.ts";
import { longTermKey } from "../../../src/stun/integrity.ts";
import { userhash } from "../../../src/stun/password-algorithm.ts";

const REALM = "turnpike.test";
const NOW = 1_800_000_000;
const LATER = NOW + 60;

function openBook() {
  return new CredentialBook({
    secrets: ["old"],
    users: [
      { name: "ada", password: "lovelace" },
      { name: "bob", password: "builder" },
      { name: "cy", password: "twombly" },
    ],
    realm: REALM,
    nowSeconds: () => NOW,
    hasSeat: () => true,
  });
}

/** Whether a credential that was made with this secret opens the relay. */
function accepts(book: CredentialBook, secret: string): boolean {
  const { username, credential } = issueCredential(secret, "guest", LATER);
  const key = Buffer.from(longTermKey(username, REALM, credential));
  return book.findUser(username)?.keys.md5.some((one) => key.equals(one)) === true;
}

test("the newest secret signs; older ones are accepted as long as they are listed", () => {
  const book = openBook();
  expect(book.issue("guest", LATER)).toEqual(issueCredential("old", "guest", LATER));
  book.change({ secrets: ["new", "old"], users: [] });
  expect(book.issue("guest", LATER)).toEqual(issueCredential("new", "guest", LATER));
  expect(["old", "new"].map((secret) => accepts(book, secret))).toEqual([true, true]);
  book.change({ secrets: ["new"], users: [] });
  expect(["old", "new"].map((secret) => accepts(book, secret))).toEqual([false, true]);
});

test("users who are none any more, or have another password, are named; those who stay and who come are not", () => {
  const book = openBook();
  const users = [
    { name: "bob", password: "another" },
    { name: "cy", password: "twombly" },
    { name: "dee", password: "snider" },
  ];
  expect(book.change({ secrets: ["old"], users })).toEqual(["ada", "bob"]);
  const known = ["ada", "bob", "cy", "dee"].map((name) => book.findUser(name) !== undefined);
  expect(known).toEqual([false, true, true, true]);
  expect(book.usernameOf(userhash("ada", REALM))).toBeUndefined();
  expect(book.usernameOf(userhash("dee", REALM))).toBe("dee");
});
