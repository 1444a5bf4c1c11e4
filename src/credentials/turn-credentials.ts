/**
 * TURN credentials by the REST convention (draft-uberti-behave-turn-rest): the username is `expiry:user`, the password
 * base64(HMAC-SHA1(secret, username)). Nothing is stored for them, and a coturn with the same `static-auth-secret` takes
 * them too. Beside them there are static users.
 */

import { createHmac } from "node:crypto";
import { longTermKey } from "../stun/integrity.ts";
import { userhash } from "../stun/password-algorithm.ts";
import type { CredentialVerifier, TurnUser } from "../turn/ports.ts";

export interface Credential {
  /** `expiry:user`; the expiry in Unix seconds. */
  readonly username: string;
  readonly credential: string;
}

export interface StaticUser {
  readonly name: string;
  readonly password: string;
}

export interface CredentialVerifierOptions {
  /** Newest first. Each of them is accepted. */
  readonly secrets: readonly string[];
  readonly users: readonly StaticUser[];
  readonly realm: string;
  /** Unix time in seconds. */
  readonly nowSeconds: () => number;
  /** Whether a member is in its room still: with its seat its credentials end, whatever their expiry. */
  readonly hasSeat: (member: NonNullable<TurnUser["room"]>) => boolean;
}

/** `expiry` alone is what `turnutils_uclient -W` sends when it is given no user. */
const REST_USERNAME = /^([0-9]{1,12})(?::(.*))?$/s;
const ROOM_USER = /^r\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** Credentials for the user, until `expiresAt` (Unix seconds). */
export function issueCredential(secret: string, user: string, expiresAt: number): Credential {
  const username = `${expiresAt}:${user}`;
  return { username, credential: passwordOf(secret, username) };
}

/** The user of a room's credentials. Opaque: the room's name is not in it. */
export function roomUser(peer: string, roomKey: string): string {
  return `r.${peer}.${roomKey}`;
}

/** True for what `roomUser` makes: no other user may have such a name. */
export function isRoomUser(user: string): boolean {
  return ROOM_USER.test(user);
}

export function createCredentialVerifier(options: CredentialVerifierOptions): CredentialVerifier {
  const { secrets, realm, nowSeconds, hasSeat } = options;
  const staticUsers = new Map<string, TurnUser>(
    options.users.map(({ name, password }) => [
      name,
      { userId: name, keys: keysOf(name, realm, [password]) },
    ]),
  );
  // Of static users only: a hash of `expiry:user` does not tell the expiry, so nobody could find its user.
  const staticNames = new Map(
    options.users.map(({ name }) => [Buffer.from(userhash(name, realm)).toString("hex"), name]),
  );

  function findRestUser(username: string): TurnUser | undefined {
    const [, expiry, user] = REST_USERNAME.exec(username) ?? [];
    if (expiry === undefined || Number(expiry) <= nowSeconds()) return undefined;
    const [, peer, roomKey] = ROOM_USER.exec(user ?? "") ?? [];
    const room = peer === undefined || roomKey === undefined ? undefined : { peer, roomKey };
    if (room !== undefined && !hasSeat(room)) return undefined;
    const passwords = secrets.map((secret) => passwordOf(secret, username));
    const keys = keysOf(username, realm, passwords);
    return { userId: user ?? username, keys, ...(room && { room }) };
  }

  return {
    findUser: (username) => staticUsers.get(username) ?? findRestUser(username),
    usernameOf: (hash) => staticNames.get(Buffer.from(hash).toString("hex")),
  };
}

function keysOf(username: string, realm: string, passwords: readonly string[]): TurnUser["keys"] {
  const keysWith = (algorithm: "md5" | "sha256") =>
    passwords.map((password) => longTermKey(username, realm, password, algorithm));
  return { md5: keysWith("md5"), sha256: keysWith("sha256") };
}

function passwordOf(secret: string, username: string): string {
  return createHmac("sha1", secret).update(username).digest("base64");
}
