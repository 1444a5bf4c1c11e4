/**
 * The drain from the admin port, for machines of the operator; repeating it changes nothing.
 *
 *   POST /drain          no new calls; the server ends when the running ones have, or at its bound
 *   POST /drain?url=URL  the same, and this is the server that everybody is sent to
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { isForOperator, sendError, sendJson, sendNotAllowed } from "./admin-answers.ts";
import { pathOf } from "./http-routes.ts";

export interface DrainStatus {
  /** From the beginning of the drain until its bound. */
  readonly graceSeconds: number;
  readonly rooms: number;
  readonly members: number;
  readonly allocations: number;
}

const PATH = "/drain";
const PROTOCOLS = ["wss:", "ws:", "https:", "http:"];
const MAX_URL_LENGTH = 1024;

/** False: the path is another one, and nothing was answered. */
export function handleDrain(
  request: IncomingMessage,
  response: ServerResponse,
  drain: (url: string | undefined) => DrainStatus,
): boolean {
  if (pathOf(request) !== PATH) return false;
  if (!isForOperator(request, response)) return true;
  const url = new URLSearchParams((request.url ?? "").slice(PATH.length)).get("url") ?? undefined;
  if (request.method !== "POST") sendNotAllowed(response, "POST");
  else if (url !== undefined && !isServerUrl(url))
    sendError(response, "bad-request", "url: that of another server, https://HOST or wss://HOST/signal");
  else sendJson(response, 200, { draining: true, ...drain(url) });
  return true;
}

function isServerUrl(text: string): boolean {
  return text.length <= MAX_URL_LENGTH && URL.canParse(text) && PROTOCOLS.includes(new URL(text).protocol);
}
