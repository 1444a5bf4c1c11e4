/**
 * What the public HTTP port answers.
 *
 *   GET /            the call page         GET /client.js, /src/sdk/*.js   the SDK, for every site
 *   GET /web/*       its assets            GET /healthz, /readyz           for load balancers
 *   GET /signal      upgrade to WebSocket (websocket-endpoint.ts)
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { isBuiltPath, isSdkPath, type StaticFile, type StaticFiles } from "./static-files.ts";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface RouteOptions {
  readonly assets: StaticFiles;
  readonly isReady: () => boolean;
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
  "frame-ancestors 'none'",
].join("; ");

const NOT_BUILT = "Not built: run `npm run build` in the folder of the turnpike package, then start again.\n";

export function createRequestHandler({ assets, isReady }: RouteOptions): RequestHandler {
  return function handleRequest(request, response) {
    if (!admit(request, response)) return;
    const path = pathOf(request);
    const file = assets.files.get(path);
    if (file !== undefined) sendFile(request, response, file);
    else if (path === "/signal") sendText(response, 426, "Upgrade to WebSocket.\n", { upgrade: "websocket" });
    else if (!sendHealth(response, path, isReady)) sendNotFound(response, path, assets);
  };
}

/** Serves the SDK's modules and nothing else. False: the request is not ours, and nothing was answered. */
export function handleSdkRequest(
  request: IncomingMessage,
  response: ServerResponse,
  assets: StaticFiles,
): boolean {
  const path = pathOf(request);
  if (!isSdkPath(path)) return false;
  if (!admit(request, response)) return true;
  const file = assets.files.get(path);
  if (file !== undefined) sendFile(request, response, file);
  else sendNotFound(response, path, assets);
  return true;
}

/** Answers /healthz and /readyz; false for every other path. */
export function sendHealth(response: ServerResponse, path: string, isReady: () => boolean): boolean {
  if (path === "/healthz") sendText(response, 200, "ok\n");
  else if (path !== "/readyz") return false;
  else if (isReady()) sendText(response, 200, "ready\n");
  else sendText(response, 503, "not ready\n");
  return true;
}

/** GET and HEAD pass; all else is answered here. A body is never read: its connection is closed after the answer. */
export function admit(request: IncomingMessage, response: ServerResponse): boolean {
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "no-referrer");
  const { headers, method } = request;
  if (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0") {
    response.setHeader("connection", "close");
  }
  if (method === "GET" || method === "HEAD") return true;
  response.setHeader("connection", "close");
  sendText(response, 405, "Method not allowed.\n", { allow: "GET, HEAD" });
  return false;
}

/** The path as it was sent, without the query: it is compared, never decoded or joined to a folder. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

function sendNotFound(response: ServerResponse, path: string, assets: StaticFiles): void {
  sendText(response, 404, !assets.built && isBuiltPath(path) ? NOT_BUILT : "Not found.\n");
}

/** The body is left out of the answer to HEAD by node:http. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...headers,
  });
  response.end(text);
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile): void {
  response.setHeader("etag", file.etag);
  response.setHeader("cache-control", "no-cache");
  response.setHeader("content-security-policy", CONTENT_SECURITY_POLICY);
  response.setHeader("permissions-policy", "camera=(self), microphone=(self)");
  if (file.sharedAcrossOrigins) {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("cross-origin-resource-policy", "cross-origin");
  }
  if (matchesEtag(request.headers["if-none-match"], file.etag)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { "content-type": file.contentType, "content-length": file.body.length });
  response.end(file.body);
}

function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((value) => value.trim().replace(/^W\//, "") === etag);
}
