/** A response as a client sees it. */

import type { IpFamily, TransportAddress } from "../../src/stun/address.ts";
import {
  readAddressErrorCode,
  readErrorCode,
  readText,
  readUint32,
  readUnknownAttributes,
  readXorAddress,
} from "../../src/stun/attributes.ts";
import {
  type IntegrityKind,
  verifyFingerprint,
  verifyIntegrity,
  verifyIntegritySha256,
} from "../../src/stun/integrity.ts";
import { findAttribute, type StunMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE } from "../../src/stun/registry.ts";

export class TurnAnswer {
  readonly message: StunMessage;
  readonly #key: Uint8Array | undefined;

  constructor(message: StunMessage, key: Uint8Array | undefined) {
    this.message = message;
    this.#key = key;
  }

  get isSuccess(): boolean {
    return this.message.messageClass === "success";
  }

  /** "success", or the error's code. */
  get outcome(): "success" | number {
    return this.isSuccess ? "success" : (this.errorCode ?? 0);
  }

  get errorCode(): number | undefined {
    const value = findAttribute(this.message, ATTRIBUTE.errorCode);
    return value && readErrorCode(value)?.code;
  }

  /** Which of the two it has; undefined for none, and for both, which no answer may have. */
  get integrity(): IntegrityKind | undefined {
    const { integrityOffset, integritySha256Offset } = this.message;
    if (integrityOffset >= 0 === integritySha256Offset >= 0) return undefined;
    return integrityOffset >= 0 ? "sha1" : "sha256";
  }

  /** Whether its MESSAGE-INTEGRITY, or MESSAGE-INTEGRITY-SHA256, verifies under the key of the request. */
  get isAuthentic(): boolean {
    const { bytes, integrityOffset, integritySha256Offset } = this.message;
    if (this.#key === undefined || this.integrity === undefined) return false;
    return this.integrity === "sha1"
      ? verifyIntegrity(bytes, integrityOffset, this.#key)
      : verifyIntegritySha256(bytes, integritySha256Offset, this.#key);
  }

  /** "absent", "right" or "wrong". */
  get fingerprint(): "absent" | "right" | "wrong" {
    const { bytes, fingerprintOffset } = this.message;
    if (fingerprintOffset < 0) return "absent";
    return verifyFingerprint(bytes, fingerprintOffset) ? "right" : "wrong";
  }

  get attributeTypes(): number[] {
    return this.message.attributes.map(({ type }) => type);
  }

  has(type: number): boolean {
    return findAttribute(this.message, type) !== undefined;
  }

  get realm(): string | undefined {
    return this.#text(ATTRIBUTE.realm);
  }

  get nonce(): string | undefined {
    return this.#text(ATTRIBUTE.nonce);
  }

  get passwordAlgorithms(): Uint8Array | undefined {
    return findAttribute(this.message, ATTRIBUTE.passwordAlgorithms);
  }

  get lifetimeSeconds(): number | undefined {
    const value = findAttribute(this.message, ATTRIBUTE.lifetime);
    return value && readUint32(value);
  }

  get mappedAddress(): TransportAddress | undefined {
    return this.#address(ATTRIBUTE.xorMappedAddress);
  }

  get relayedAddress(): TransportAddress | undefined {
    return this.#address(ATTRIBUTE.xorRelayedAddress);
  }

  /** All of them, in order. */
  get relayedAddresses(): TransportAddress[] {
    const { attributes, transactionId } = this.message;
    return attributes.flatMap(({ type, value }) =>
      type === ATTRIBUTE.xorRelayedAddress ? (readXorAddress(value, transactionId) ?? []) : [],
    );
  }

  get addressError(): { readonly family: IpFamily; readonly code: number } | undefined {
    const value = findAttribute(this.message, ATTRIBUTE.addressErrorCode);
    const error = value && readAddressErrorCode(value);
    return error && { family: error.family, code: error.code };
  }

  get reservationToken(): Uint8Array | undefined {
    return findAttribute(this.message, ATTRIBUTE.reservationToken);
  }

  get mobilityTicket(): Uint8Array | undefined {
    return findAttribute(this.message, ATTRIBUTE.mobilityTicket);
  }

  get unknownAttributes(): number[] | undefined {
    const value = findAttribute(this.message, ATTRIBUTE.unknownAttributes);
    return value && readUnknownAttributes(value);
  }

  #text(type: number): string | undefined {
    const value = findAttribute(this.message, type);
    return value && readText(value);
  }

  #address(type: number): TransportAddress | undefined {
    const value = findAttribute(this.message, type);
    return value && readXorAddress(value, this.message.transactionId);
  }
}
