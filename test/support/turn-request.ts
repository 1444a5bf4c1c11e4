/** TURN requests as a client writes them: right ones, and wrong in one chosen way. */

import { randomBytes } from "node:crypto";
import { textAttribute } from "../../src/stun/attributes.ts";
import { type IntegrityKind, longTermKey } from "../../src/stun/integrity.ts";
import { encodeMessage, type StunAttribute } from "../../src/stun/message.ts";
import {
  type PasswordAlgorithm,
  passwordAlgorithmAttribute,
  userhash,
} from "../../src/stun/password-algorithm.ts";
import { ATTRIBUTE } from "../../src/stun/registry.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What the long-term credential mechanism puts into a request. */
export interface Authentication extends Credentials {
  readonly realm: string;
  readonly nonce: string;
  /** Left out, though MESSAGE-INTEGRITY is there. */
  readonly omit?: readonly number[];
  /** Of a client of RFC 8489: PASSWORD-ALGORITHM, and the list that it answers; without it one of RFC 5389. */
  readonly algorithm?: PasswordAlgorithm;
  readonly passwordAlgorithms?: Uint8Array | undefined;
  /** USERHASH in the place of USERNAME. */
  readonly isAnonymous?: boolean;
  /** Default: "sha256" with an algorithm, "sha1" without. */
  readonly integrity?: IntegrityKind | "both";
}

export interface RequestOptions {
  /** Default: a random one. */
  readonly transactionId?: Uint8Array;
  readonly fingerprint?: boolean;
}

export function newTransactionId(): Uint8Array {
  return randomBytes(12);
}

export function keyOf({ username, realm, password, algorithm }: Authentication): Uint8Array {
  return longTermKey(username, realm, password, algorithm);
}

/** A request; without `authentication` it carries its attributes only. */
export function encodeRequest(
  method: number,
  attributes: readonly StunAttribute[],
  authentication: Authentication | undefined,
  options: RequestOptions = {},
): Uint8Array {
  const head = {
    method,
    messageClass: "request",
    transactionId: options.transactionId ?? newTransactionId(),
  } as const;
  if (authentication === undefined) return encodeMessage(head, attributes, options);
  const { algorithm, integrity = algorithm === undefined ? "sha1" : "sha256", omit = [] } = authentication;
  const proof = proofOf(authentication).filter(({ type }) => !omit.includes(type));
  const key = keyOf(authentication);
  return encodeMessage(head, [...attributes, ...proof], {
    integrityKey: integrity === "sha256" ? undefined : key,
    integritySha256Key: integrity === "sha1" ? undefined : key,
    fingerprint: options.fingerprint === true,
  });
}

function proofOf(authentication: Authentication): StunAttribute[] {
  const { username, realm, nonce, algorithm, passwordAlgorithms, isAnonymous = false } = authentication;
  const proof: StunAttribute[] = [
    isAnonymous
      ? { type: ATTRIBUTE.userhash, value: userhash(username, realm) }
      : textAttribute(ATTRIBUTE.username, username),
    textAttribute(ATTRIBUTE.realm, realm),
    textAttribute(ATTRIBUTE.nonce, nonce),
  ];
  if (passwordAlgorithms !== undefined)
    proof.push({ type: ATTRIBUTE.passwordAlgorithms, value: passwordAlgorithms });
  if (algorithm !== undefined) proof.push(passwordAlgorithmAttribute(algorithm));
  return proof;
}

/** The message with one more attribute at its end, its length put right: behind MESSAGE-INTEGRITY, say. */
export function appendAttribute(message: Uint8Array, { type, value }: StunAttribute): Uint8Array {
  const padded = (value.length + 3) & ~3;
  const longer = Buffer.alloc(message.length + 4 + padded);
  longer.set(message);
  longer.writeUInt16BE(type, message.length);
  longer.writeUInt16BE(value.length, message.length + 2);
  longer.set(value, message.length + 4);
  longer.writeUInt16BE(longer.length - 20, 2);
  return longer;
}

/** ChannelData (RFC 8656 section 12.4) with `padding` bytes behind it. */
export function encodeChannelData(channelNumber: number, data: Uint8Array, padding = 0): Uint8Array {
  const frame = Buffer.alloc(4 + data.length + padding);
  frame.writeUInt16BE(channelNumber, 0);
  frame.writeUInt16BE(data.length, 2);
  frame.set(data, 4);
  return frame;
}
