/** Reads one text frame of the server. */

import type { ServerMessage } from "../signaling/protocol.ts";

/** The server is trusted with the shapes, not with the JSON: a proxy may say something of its own. */
export function readServerMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(data);
    const isMessage = typeof value === "object" && value !== null && "type" in value && "seq" in value;
    return isMessage ? (value as ServerMessage) : undefined;
  } catch {
    return undefined;
  }
}
