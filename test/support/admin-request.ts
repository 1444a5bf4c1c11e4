/** Calls of the admin port, as curl makes them. */

import { request } from "node:http";

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

export function askAdmin(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, method, headers }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
