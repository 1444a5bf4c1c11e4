/** The one error class of the SDK. */

import type { ErrorCode } from "../signaling/protocol.ts";

/**
 * The server's codes (docs/protocol.md), and the SDK's own:
 * - `connection-failed`: the server was not reached, or did not answer in time
 * - `connection-lost`: it was reached once, and for long enough not again
 * - `closed`: the call was over before the request was answered
 * - `overloaded`: too many requests wait for an answer
 * - `unsupported`: this browser has no WebRTC or no WebSocket
 * - `bad-url`: the signaling URL cannot be read, or there is no page to take it from
 * - `negotiation-failed`: the browser refused a description, a candidate or a configuration
 * - `send-failed`: the data channel did not take a message
 */
export type TurnpikeErrorCode =
  | ErrorCode
  | "connection-failed"
  | "connection-lost"
  | "closed"
  | "overloaded"
  | "unsupported"
  | "bad-url"
  | "negotiation-failed"
  | "send-failed";

export class TurnpikeError extends Error {
  override readonly name = "TurnpikeError";
  readonly code: TurnpikeErrorCode;
  /** With `draining`: another server that takes new calls, where there is one. The SDK has tried it. */
  readonly url: string | undefined;

  constructor(code: TurnpikeErrorCode, message: string, cause?: unknown, url?: string) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.url = url;
  }
}

export function describeCause(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
