/** Every error code of the protocol: the compiler sees to it that none is missing. */

import type { ErrorCode } from "../../src/signaling/protocol.ts";

export const ERROR_CODES: Record<ErrorCode, true> = {
  "bad-message": true,
  "too-large": true,
  "rate-limited": true,
  "not-joined": true,
  "already-joined": true,
  "room-full": true,
  "room-exists": true,
  "room-not-found": true,
  "peer-not-found": true,
  unauthorized: true,
  "resume-failed": true,
  draining: true,
  unavailable: true,
  "server-full": true,
};
