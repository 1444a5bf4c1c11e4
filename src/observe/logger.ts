/** Logs as JSON lines on stderr. One line per join, leave and allocation; none per message or packet. */

import { type DestinationStream, destination, pino, stdTimeFunctions } from "pino";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** What the server asks of a logger; pino's loggers fit, and so does any other with these methods. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Never written, on the top level of a line or one or two below. */
const SECRET_KEYS = [
  "secret",
  "secrets",
  "password",
  "credential",
  "credentials",
  "iceServers",
  "token",
  "resumeToken",
  "authorization",
  "cookie",
  "sdp",
  "description",
  "candidate",
] as const;

export interface LoggerOptions {
  readonly level: LogLevel;
  /** For tests; stderr otherwise. */
  readonly stream?: DestinationStream;
}

/** Its level may be changed. */
export function createLogger({ level, stream }: LoggerOptions): Logger & { level: string } {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
        censor: "[redacted]",
      },
    },
    stream ?? destination({ dest: 2, sync: true }),
  );
}
