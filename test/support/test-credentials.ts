/** Users whose passwords can change and whose credentials can expire while the relay runs, and users for whom neither is so. */

import { longTermKey } from "../../src/stun/integrity.ts";
import { userhash } from "../../src/stun/password-algorithm.ts";
import type { CredentialVerifier, TurnUser } from "../../src/turn/ports.ts";
import type { Credentials } from "./turn-request.ts";

export class TestCredentials implements CredentialVerifier {
  readonly #realm: string;
  readonly #passwords: Map<string, string>;
  readonly #lasting: ReadonlySet<string>;
  readonly #room: TurnUser["room"];
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
    const password = this.#passwords.get(username);
    if (password === undefined || (this.#areExpired && !this.#lasting.has(username))) return undefined;
    const keys = {
      md5: [longTermKey(username, this.#realm, password)],
      sha256: [longTermKey(username, this.#realm, password, "sha256")],
    };
    return { userId: username, keys, ...(this.#room && { room: this.#room }) };
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
