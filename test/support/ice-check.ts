/** ICE connectivity checks (RFC 8445 section 7): STUN Binding with short-term credentials. */

import { randomBytes } from "node:crypto";
import { textAttribute } from "../../src/stun/attributes.ts";
import { encodeMessage, type MessageClass, type StunAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";

export interface CheckOptions {
  /** Default: none, and then there is no MESSAGE-INTEGRITY. */
  readonly password?: string | undefined;
  /** Default: a random one. */
  readonly transactionId?: Uint8Array;
  readonly attributes?: readonly StunAttribute[];
  readonly integrity?: "sha1" | "sha256";
  readonly method?: number;
}

/** A check, or another message of this class, with FINGERPRINT. */
export function binding(messageClass: MessageClass, options: CheckOptions = {}): Uint8Array {
  const { password, integrity = "sha1", transactionId = randomBytes(12), method = METHOD.binding } = options;
  const key = password === undefined ? undefined : Buffer.from(password);
  return encodeMessage(
    { method, messageClass, transactionId },
    options.attributes ?? [textAttribute(ATTRIBUTE.username, "their:ours")],
    {
      integrityKey: integrity === "sha1" ? key : undefined,
      integritySha256Key: integrity === "sha256" ? key : undefined,
      fingerprint: true,
    },
  );
}

/** A check of the other side, whose password it is protected with. */
export function check(password?: string, transactionId?: Uint8Array): Uint8Array {
  return binding("request", { password, ...(transactionId && { transactionId }) });
}

/** The answer to a check, protected with the password of whoever answers. */
export function answerTo(
  request: Uint8Array,
  password?: string,
  messageClass: MessageClass = "success",
): Uint8Array {
  return binding(messageClass, { password, transactionId: request.slice(8, 20), attributes: [] });
}
