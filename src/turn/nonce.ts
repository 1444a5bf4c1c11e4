/** Stateless nonces (RFC 8489 section 9.2): the time and an HMAC over time and source, so that nothing is stored per challenge. */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { TransportAddress } from "../stun/address.ts";
import type { MonotonicClock } from "./ports.ts";

/** RFC 8656 section 5: a nonce should expire at least once every hour. */
const NONCE_LIFETIME_SECONDS = 3600;
const TIME_BYTES = 4;
const MAC_BYTES = 8;
/** base64url of time and MAC: short, because the challenge is an unauthenticated answer. */
const NONCE_CHARACTERS = ((TIME_BYTES + MAC_BYTES) * 4) / 3;

export class NonceIssuer {
  readonly #clock: MonotonicClock;
  readonly #key: Uint8Array;

  constructor(clock: MonotonicClock, key: Uint8Array = randomBytes(32)) {
    this.#clock = clock;
    this.#key = key;
  }

  /** A nonce for this client's address; valid for an hour, from there only. */
  issue(source: TransportAddress): string {
    return this.#nonceFor(source, this.#nowSeconds()).toString("base64url");
  }

  isValid(nonce: string, source: TransportAddress): boolean {
    if (nonce.length !== NONCE_CHARACTERS) return false;
    const bytes = Buffer.from(nonce, "base64url");
    if (bytes.length !== TIME_BYTES + MAC_BYTES) return false;
    const issuedAt = bytes.readUInt32BE(0);
    const age = this.#nowSeconds() - issuedAt;
    return (
      age >= 0 && age < NONCE_LIFETIME_SECONDS && timingSafeEqual(bytes, this.#nonceFor(source, issuedAt))
    );
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock() / 1000);
  }

  #nonceFor(source: TransportAddress, seconds: number): Buffer {
    const input = Buffer.allocUnsafe(TIME_BYTES + 19);
    input.writeUInt32BE(seconds >>> 0, 0);
    input.writeUInt8(source.family, 4);
    input.writeUInt32BE(source.w0, 5);
    input.writeUInt32BE(source.w1, 9);
    input.writeUInt32BE(source.w2, 13);
    input.writeUInt32BE(source.w3, 17);
    input.writeUInt16BE(source.port, 21);
    const mac = createHmac("sha256", this.#key).update(input).digest();
    return Buffer.concat([input.subarray(0, TIME_BYTES), mac.subarray(0, MAC_BYTES)]);
  }
}
