/** Which TCP port serves TURN without TLS on `turnPort`. */

import type { Config } from "./config.ts";

/**
 * - own: nothing else has this number
 * - http: the HTTP port has it, and serves both
 * - none: the port of TLS has it, and serves TURN inside TLS only
 */
export type TurnOverTcp = "own" | "http" | "none";

/** `ownHttp` false: HTTP is somebody else's server, and `httpPort` is not opened. */
export function turnOverTcp(
  config: Pick<Config, "httpPort" | "turnPort" | "tls">,
  ownHttp = true,
): TurnOverTcp {
  const { httpPort, turnPort, tls } = config;
  // 0 is a free port, another one each time.
  if (turnPort === 0) return "own";
  if (turnPort === tls?.port) return "none";
  return ownHttp && turnPort === httpPort ? "http" : "own";
}
