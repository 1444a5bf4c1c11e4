/** Users whose passwords can be changed and whose credentials can expire while the relay runs. */

import { longTermKey } from "../../src/stun/integrity.ts";
import type { CredentialVerifier, TurnUser } from "../../src/turn/ports.ts";
import type { Credentials } from "./turn-request.ts";

export class TestCredentials implements CredentialVerifier {
  readonly #realm: string;
  readonly #passwords: Map<string, string>;
  #areExpired = false;

  constructor(realm: string, users: readonly Credentials[]) {
    this.#realm = realm;
    this.#passwords = new Map(users.map(({ username, password }) => [username, password]));
  }

  findUser(username: string): TurnUser | undefined {
    const password = this.#passwords.get(username);
    if (password === undefined || this.#areExpired) return undefined;
    return { userId: username, keys: [longTermKey(username, this.#realm, password)] };
  }

  /** Every password is another one. */
  rotate(): void {
    for (const [username, password] of this.#passwords) this.#passwords.set(username, `${password} rotated`);
  }

  /** Every username is out of date. */
  expire(): void {
    this.#areExpired = true;
  }
}
