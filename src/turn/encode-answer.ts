/** Answers as bytes. */

import { errorCodeAttribute } from "../stun/attributes.ts";
import type { IntegrityKind } from "../stun/integrity.ts";
import { encodeMessage, type StunAttribute, type StunMessage } from "../stun/message.ts";
import type { StunErrorCode } from "../stun/registry.ts";
import type { Answer } from "./answer.ts";

/** Protected as `proof` says; without a proof the answer is minimal: no reason phrase. */
export function encodeAnswer(
  request: StunMessage,
  answer: Answer,
  proof: { readonly integrity: IntegrityKind; readonly key: Uint8Array } | undefined,
): Uint8Array {
  const attributes =
    answer.kind === "success"
      ? answer.attributes
      : [errorAttribute(answer.code, proof !== undefined), ...answer.attributes];
  return encodeMessage(
    { method: request.method, messageClass: answer.kind, transactionId: request.transactionId },
    attributes,
    {
      integrityKey: proof?.integrity === "sha1" ? proof.key : undefined,
      integritySha256Key: proof?.integrity === "sha256" ? proof.key : undefined,
      fingerprint: request.fingerprintOffset >= 0,
    },
  );
}

function errorAttribute(code: StunErrorCode, withReason: boolean): StunAttribute {
  return withReason ? errorCodeAttribute(code) : errorCodeAttribute(code, "");
}
