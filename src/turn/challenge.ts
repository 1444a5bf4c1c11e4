/** What a 401 or 438 tells a client so that it can try again: REALM, NONCE and PASSWORD-ALGORITHMS (RFC 8489 section 9.2.4). */

import type { TransportAddress } from "../stun/address.ts";
import { errorCodeAttribute, textAttribute } from "../stun/attributes.ts";
import type { StunAttribute, StunMessage } from "../stun/message.ts";
import { encodeMessage, findAttribute } from "../stun/message.ts";
import {
  NONCE_COOKIE,
  type PasswordAlgorithm,
  passwordAlgorithmsAttribute,
  readPasswordAlgorithm,
} from "../stun/password-algorithm.ts";
import { ATTRIBUTE, HEADER_BYTES, METHOD, TRANSACTION_ID_BYTES } from "../stun/registry.ts";
import { isWithinAmplification } from "./amplification.ts";
import { NonceIssuer } from "./nonce.ts";
import type { MonotonicClock } from "./ports.ts";

/** In order of preference. */
const OFFERED: readonly PasswordAlgorithm[] = ["sha256", "md5"];
/** The first request of a client has REQUESTED-TRANSPORT and may have nothing else. */
const SMALLEST_ALLOCATE_BYTES = HEADER_BYTES + 8;

export class Challenge {
  readonly realm: string;
  readonly #nonces: NonceIssuer;
  /** Undefined where a long realm leaves no room for it: then the server is one of RFC 5389, and its nonces say so. */
  readonly #passwordAlgorithms: StunAttribute | undefined;

  constructor(realm: string, clock: MonotonicClock) {
    this.realm = realm;
    const offer = passwordAlgorithmsAttribute(OFFERED);
    const nonces = new NonceIssuer(clock, NONCE_COOKIE);
    const hasRoom = isWithinAmplification(SMALLEST_ALLOCATE_BYTES, sizeOf(realm, nonces, offer), 4);
    this.#passwordAlgorithms = hasRoom ? offer : undefined;
    this.#nonces = hasRoom ? nonces : new NonceIssuer(clock);
  }

  /** With a fresh nonce for this client's address. */
  attributesFor(source: TransportAddress): StunAttribute[] {
    return attributesOf(this.realm, this.#nonces.issue(source), this.#passwordAlgorithms);
  }

  isValidNonce(nonce: string, source: TransportAddress): boolean {
    return this.#nonces.isValid(nonce, source);
  }

  /**
   * The algorithm that a request with one of our nonces is signed with. MD5 where it has neither PASSWORD-ALGORITHMS nor
   * PASSWORD-ALGORITHM; undefined, which is a 400, unless it has both, the one as it was sent and the other one of its entries.
   */
  algorithmOf(message: StunMessage): PasswordAlgorithm | undefined {
    const list = findAttribute(message, ATTRIBUTE.passwordAlgorithms);
    const chosen = findAttribute(message, ATTRIBUTE.passwordAlgorithm);
    if (list === undefined && chosen === undefined) return "md5";
    if (list === undefined || chosen === undefined || this.#passwordAlgorithms === undefined)
      return undefined;
    if (Buffer.compare(list, this.#passwordAlgorithms.value) !== 0) return undefined;
    return readPasswordAlgorithm(chosen);
  }
}

function attributesOf(realm: string, nonce: string, offer: StunAttribute | undefined): StunAttribute[] {
  const attributes = [textAttribute(ATTRIBUTE.realm, realm), textAttribute(ATTRIBUTE.nonce, nonce)];
  return offer === undefined ? attributes : [...attributes, offer];
}

function sizeOf(realm: string, nonces: NonceIssuer, offer: StunAttribute): number {
  const nobody: TransportAddress = { family: 4, w0: 0, w1: 0, w2: 0, w3: 0, port: 0 };
  const transactionId = new Uint8Array(TRANSACTION_ID_BYTES);
  const attributes = [errorCodeAttribute(401, ""), ...attributesOf(realm, nonces.issue(nobody), offer)];
  return encodeMessage({ method: METHOD.allocate, messageClass: "error", transactionId }, attributes).length;
}
