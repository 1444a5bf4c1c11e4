/** What a handler says to a request. One place turns it into bytes (`encodeAnswer`). */

import type { StunAttribute, StunMessage } from "../stun/message.ts";
import type { PasswordAlgorithm } from "../stun/password-algorithm.ts";
import type { StunErrorCode } from "../stun/registry.ts";
import type { ClientLink, TurnUser } from "./ports.ts";

export interface ErrorAnswer {
  readonly kind: "error";
  readonly code: StunErrorCode;
  readonly attributes: readonly StunAttribute[];
}

export type Answer =
  | { readonly kind: "success"; readonly attributes: readonly StunAttribute[] }
  | ErrorAnswer;

export function success(...attributes: readonly StunAttribute[]): Answer {
  return { kind: "success", attributes };
}

export function failure(code: StunErrorCode, ...attributes: readonly StunAttribute[]): ErrorAnswer {
  return { kind: "error", code, attributes };
}

/** A request whose MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 has verified. */
export interface AuthenticatedRequest {
  readonly link: ClientLink;
  /** Its `transactionId` may be kept; attribute values are views of bytes that are ours only until `receive` returns. */
  readonly message: StunMessage;
  readonly username: string;
  readonly user: TurnUser;
  /** The key that verified; every answer is protected with it. */
  readonly key: Uint8Array;
  /** What the key was made with. */
  readonly algorithm: PasswordAlgorithm;
  readonly nowMs: number;
}
