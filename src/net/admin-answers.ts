/**
 * What the calls of the admin port have in common. JSON out, nothing in: no body is read.
 *
 * No browser may make them. DELETE is never sent to another origin without a preflight, which gets no leave here; a request that names
 * an origin is refused, as every POST of a page does; and so is a Host that could be a public name, by which a page could have led its
 * visitor here (DNS rebinding).
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { parseIp } from "../stun/address.ts";
import { sendText } from "./http-routes.ts";

const STATUS = {
  "bad-request": 400,
  "not-for-browsers": 403,
  "room-not-found": 404,
  "peer-not-found": 404,
  "not-found": 404,
  "method-not-allowed": 405,
  unavailable: 503,
} as const;

/** False: it was refused, and answered. */
export function isForOperator(request: IncomingMessage, response: ServerResponse): boolean {
  response.setHeader("x-content-type-options", "nosniff");
  // A body is not read.
  if (request.method !== "GET") response.setHeader("connection", "close");
  if (!comesFromBrowser(request)) return true;
  const message = "not from a browser, and by address or a name without dots (curl -H 'Host: localhost')";
  sendError(response, "not-for-browsers", message);
  return false;
}

function comesFromBrowser({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return true;
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(headers.host ?? "") ?? [];
  const name = bracketed ?? plain ?? "";
  return parseIp(name) === undefined && !/^[A-Za-z0-9_-]+$/.test(name);
}

export function sendNotAllowed(response: ServerResponse, allow: string): void {
  response.setHeader("allow", allow);
  sendError(response, "method-not-allowed", `only ${allow}`);
}

export function sendError(response: ServerResponse, code: keyof typeof STATUS, message: string): void {
  sendJson(response, STATUS[code], { error: { code, message } });
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, `${JSON.stringify(body)}\n`, { "content-type": "application/json" });
}
