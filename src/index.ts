/**
 * Turnpike's public API: a server inside your own program.
 *
 *     const turnpike = createServer({ httpPort: 8080, secrets: ["…"] });
 *     await turnpike.start();
 *     …
 *     await turnpike.close();
 */

import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Authorize } from "./assembly.ts";
import { parseConfig } from "./config/parse.ts";
import type { ConfigInput } from "./config/schema.ts";
import type { Logger } from "./observe/logger.ts";
import { createServer as createConfiguredServer, type TurnpikeServer } from "./server.ts";

export type { Authorize } from "./assembly.ts";
export { ConfigError, type ConfigIssue } from "./config/config-error.ts";
export type { ConfigInput } from "./config/schema.ts";
export type { Logger } from "./observe/logger.ts";
export {
  type CredentialChange,
  type ListenAddress,
  ListenError,
  type ListenFailure,
  type ListenPurpose,
  type RelayedAddress,
  type ServerAddresses,
  ServerStateError,
  type TurnpikeServer,
  type UdpEngineChoice,
  UdpEngineError,
  type UdpEngineName,
} from "./server.ts";
export type {
  AuthorizeResult,
  ConnectionInfo,
  JoinRequest,
  RoomControl,
  RoomMember,
} from "./signaling/ports.ts";

export { RoomUnavailableError } from "./signaling/room-control.ts";

/** The keys of the configuration file, and what only a program can give. */
export type ServerOptions = ConfigInput & {
  /** A `node:http` or `node:https` server of yours: signaling is attached to it at `/signal`. It stays yours. */
  readonly server?: HttpServer | HttpsServer;
  /** Says who may join which room. A throw or a rejection refuses. */
  readonly authorize?: Authorize;
  /** pino's loggers fit. Default: JSON lines on stderr, from `logLevel` on. */
  readonly logger?: Logger;
};

/**
 * A server that is not started yet. The admin port is opened only when `adminPort` is given. No signal handlers are
 * installed. Throws one `ConfigError` that lists everything that is wrong with the options.
 */
export function createServer(options: ServerOptions = {}): TurnpikeServer {
  const { server, authorize, logger, ...input } = options;
  const admin = input.adminPort !== undefined;
  // 0: a port that is not opened is in nobody's way.
  const config = parseConfig(admin ? input : { ...input, adminPort: 0 });
  return createConfiguredServer(config, { server, authorize, logger, admin });
}
