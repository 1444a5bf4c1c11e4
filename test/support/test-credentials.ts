/** Users whose passwords can change and whose credentials can expire while the relay runs, and users for whom neither is so. */

import { longTermKey } from "../../src/stun/integrity.ts";
import { userhash } from "../../src/stun/password-algorithm.ts";
import type { CredentialVerifier, TurnUser } from "../../src/turn/ports.ts";
import type { Credentials } from "./turn-request.ts";

const MEMBER = /^r\.(\w+)\.(\w+)$/;
const MEMBER_PASSWORD = "a member's password";

/** Of whoever has a seat in this room: everybody who has not left it. */
export function memberOf(room: string, peer: string): Credentials {
  return { username: `r.${peer}.${room}`, password: MEMBER_PASSWORD };
}

export class TestCredentials implements CredentialVerifier {
  readonly #realm: string;
  readonly #passwords: Map<string, string>;
  readonly #lasting: ReadonlySet<string>;
  readonly #room: TurnUser["room"];
  readonly #left = new Set<string>();
  #areExpired = false;

  constructor(
    realm: string,
    users: readonly Credentials[],
    lasting: readonly Credentials[] = [],
    room?: TurnUser["room"],
  ) {
    this.#realm = realm;
    this.#room = room;
    this.#passwords = new Map([...users, ...lasting].map(({ username, password }) => [username, password]));
    this.#lasting = new Set(lasting.map(({ username }) => username));
  }

  findUser(username: string): TurnUser | undefined {
    const member = MEMBER.exec(username);
    if (member !== null) return this.#findMember(username, member);
    const password = this.#passwords.get(username);
    if (password === undefined || (this.#areExpired && !this.#lasting.has(username))) return undefined;
    return {
      userId: username,
      keys: this.#keysOf(username, password),
      ...(this.#room && { room: this.#room }),
    };
  }

  #findMember(username: string, [, peer = "", roomKey = ""]: RegExpExecArray): TurnUser | undefined {
    if (this.#left.has(username)) return undefined;
    return { userId: username, keys: this.#keysOf(username, MEMBER_PASSWORD), room: { roomKey, peer } };
  }

  #keysOf(username: string, password: string): TurnUser["keys"] {
    return {
      md5: [longTermKey(username, this.#realm, password)],
      sha256: [longTermKey(username, this.#realm, password, "sha256")],
    };
  }

  leave(room: string, peer: string): void {
    this.#left.add(memberOf(room, peer).username);
  }

  usernameOf(hash: Uint8Array): string | undefined {
    const names = [...this.#passwords.keys()];
    return names.find((name) => Buffer.compare(userhash(name, this.#realm), hash) === 0);
  }

  rotate(): void {
    for (const [username, password] of this.#passwords) {
      if (!this.#lasting.has(username)) this.#passwords.set(username, `${password} rotated`);
    }
  }

  expire(): void {
    this.#areExpired = true;
  }
}
