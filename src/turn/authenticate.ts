/** The long-term credential mechanism (RFC 8489 section 9.2.4), with stateless nonces. */

import { readText } from "../stun/attributes.ts";
import { verifyIntegrity } from "../stun/integrity.ts";
import { findAttribute, type StunMessage } from "../stun/message.ts";
import { ATTRIBUTE } from "../stun/registry.ts";
import type { Allocation } from "./allocation.ts";
import type { NonceIssuer } from "./nonce.ts";
import type { ClientLink, CredentialVerifier, TurnUser } from "./ports.ts";

export type Authentication =
  | { readonly ok: true; readonly username: string; readonly user: TurnUser; readonly key: Uint8Array }
  /** 401 and 438 go out with REALM and a fresh NONCE. */
  | { readonly ok: false; readonly code: 400 | 401 | 438 };

export function authenticate(
  link: ClientLink,
  message: StunMessage,
  realm: string,
  nonces: NonceIssuer,
  credentials: CredentialVerifier,
  allocation: Allocation | undefined,
): Authentication {
  // No MESSAGE-INTEGRITY: 401, the challenge.
  if (message.integrityOffset < 0) return { ok: false, code: 401 };

  // MESSAGE-INTEGRITY without USERNAME, REALM or NONCE: 400.
  const username = textOf(message, ATTRIBUTE.username);
  const claimedRealm = textOf(message, ATTRIBUTE.realm);
  const nonce = textOf(message, ATTRIBUTE.nonce);
  if (username === undefined || claimedRealm === undefined || nonce === undefined)
    return { ok: false, code: 400 };

  // A NONCE that is no longer valid: 438. Before the rest, because it costs one short HMAC and a flood of forged requests ends here.
  if (!nonces.isValid(nonce, link.remote)) return { ok: false, code: 438 };

  // A live allocation answers to the key that it was made with, whatever became of the secret or the expiry since.
  if (allocation?.username === username && verifies(message, allocation.key)) {
    return { ok: true, username, user: allocation.user, key: allocation.key };
  }

  // A USERNAME that is not valid in this realm: 401.
  const user = claimedRealm === realm ? credentials.findUser(username) : undefined;
  if (user === undefined) return { ok: false, code: 401 };

  // MESSAGE-INTEGRITY that does not verify: the same 401, so that nobody learns which usernames exist.
  const key = user.keys.find((candidate) => verifies(message, candidate));
  return key === undefined ? { ok: false, code: 401 } : { ok: true, username, user, key };
}

/** The allocation of this 5-tuple, once it is there. */
export function allocationOf(link: ClientLink): Allocation | undefined {
  return link.holding?.kind === "allocation" ? link.holding : undefined;
}

function textOf(message: StunMessage, type: number): string | undefined {
  const value = findAttribute(message, type);
  return value === undefined ? undefined : readText(value);
}

function verifies(message: StunMessage, key: Uint8Array): boolean {
  return verifyIntegrity(message.bytes, message.integrityOffset, key);
}
