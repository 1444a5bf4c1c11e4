/** Stateless nonces (RFC 8489 section 9.2): the time and an HMAC over time and source, so that nothing is stored per challenge. */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { TransportAddress } from "../stun/address.ts";
import type { MonotonicClock } from "./ports.ts";

/** RFC 8656 section 5: a nonce should expire at least once every hour. */
const NONCE_LIFETIME_SECONDS = 3600;
const TIME_BYTES = 4;
const MAC_BYTES = 7;
/** base64url of time and MAC: short, because the challenge is an unauthenticated answer. */
const OWN_CHARACTERS = Math.ceil(((TIME_BYTES + MAC_BYTES) * 4) / 3);

export class NonceIssuer {
  readonly #clock: MonotonicClock;
  readonly #cookie: string;
  readonly #key: Uint8Array;

  /** Every nonce starts with the cookie. */
  constructor(clock: MonotonicClock, cookie = "", key: Uint8Array = randomBytes(32)) {
    this.#clock = clock;
    this.#cookie = cookie;
    this.#key = key;
  }

  /** A nonce for this client's address; valid for an hour, from there only. */
  issue(source: TransportAddress): string {
    return this.#nonceFor(source, this.#nowSeconds());
  }

  isValid(nonce: string, source: TransportAddress): boolean {
    if (nonce.length !== this.#cookie.length + OWN_CHARACTERS || !nonce.startsWith(this.#cookie))
      return false;
    const own = Buffer.from(nonce.slice(this.#cookie.length), "base64url");
    if (own.length !== TIME_BYTES + MAC_BYTES) return false;
    const issuedAt = own.readUInt32BE(0);
    const age = this.#nowSeconds() - issuedAt;
    if (age < 0 || age >= NONCE_LIFETIME_SECONDS) return false;
    // As text: the last character of base64url has bits that say nothing, and one nonce must not have several spellings.
    const given = Buffer.from(nonce, "latin1");
    return timingSafeEqual(given, Buffer.from(this.#nonceFor(source, issuedAt), "latin1"));
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock() / 1000);
  }

  #nonceFor(source: TransportAddress, seconds: number): string {
    const input = Buffer.allocUnsafe(TIME_BYTES + 19);
    input.writeUInt32BE(seconds >>> 0, 0);
    input.writeUInt8(source.family, 4);
    input.writeUInt32BE(source.w0, 5);
    input.writeUInt32BE(source.w1, 9);
    input.writeUInt32BE(source.w2, 13);
    input.writeUInt32BE(source.w3, 17);
    input.writeUInt16BE(source.port, 21);
    const mac = createHmac("sha256", this.#key).update(input).digest();
    const own = Buffer.concat([input.subarray(0, TIME_BYTES), mac.subarray(0, MAC_BYTES)]);
    return this.#cookie + own.toString("base64url");
  }
}
