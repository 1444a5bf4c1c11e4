/** The secrets and static users in force. Others may take their place while the server runs. */

import type { CredentialVerifier, TurnUser } from "../turn/ports.ts";
import {
  type Credential,
  type CredentialVerifierOptions,
  createCredentialVerifier,
  issueCredential,
} from "./turn-credentials.ts";

export type CredentialSettings = Pick<CredentialVerifierOptions, "secrets" | "users">;

export class CredentialBook implements CredentialVerifier {
  readonly #options: Omit<CredentialVerifierOptions, keyof CredentialSettings>;
  #settings: CredentialSettings;
  #verifier: CredentialVerifier;

  constructor(options: CredentialVerifierOptions) {
    this.#options = options;
    this.#settings = options;
    this.#verifier = createCredentialVerifier(options);
  }

  /** Signed with the newest secret. */
  issue(user: string, expiresAt: number): Credential {
    const secret = this.#settings.secrets[0];
    if (secret === undefined) throw new Error("there is no secret");
    return issueCredential(secret, user, expiresAt);
  }

  /** The names of the static users who are none any more, or whose password is another one. */
  change(settings: CredentialSettings): string[] {
    const isSame = (name: string, password: string) =>
      settings.users.some((user) => user.name === name && user.password === password);
    const ended = this.#settings.users.filter(({ name, password }) => !isSame(name, password));
    const { secrets, users } = settings;
    this.#settings = { secrets, users };
    this.#verifier = createCredentialVerifier({ ...this.#options, secrets, users });
    return ended.map(({ name }) => name);
  }

  findUser(username: string): TurnUser | undefined {
    return this.#verifier.findUser(username);
  }

  usernameOf(userhash: Uint8Array): string | undefined {
    return this.#verifier.usernameOf(userhash);
  }
}
