/** Random ids and tokens. A system call costs more than an id, so the randomness of many is fetched at once; each byte is used once. */

import { randomFillSync } from "node:crypto";

const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** Of so many random bytes, in base64url. */
export function randomText(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += bytes;
  const text = pool.toString("base64url", start, used);
  // A token is a secret: what is left of it in memory is the token itself.
  pool.fill(0, start, used);
  return text;
}
