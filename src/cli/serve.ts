/** `turnpike serve`: runs until SIGTERM or SIGINT, or until it has drained (SIGUSR2); SIGHUP reads the configuration again. */

import { createServer, ListenError, UdpEngineError } from "../server.ts";
import { bannerLines } from "./banner.ts";
import { createCommand, readCommandLine } from "./flags.ts";
import { keepHeapSmall } from "./heap-growth.ts";
import { describeFailures } from "./listen-advice.ts";
import { loadFor } from "./load.ts";
import { untilSignal } from "./signals.ts";
import type { Terminal } from "./terminal.ts";
import { inspectTlsFiles } from "./tls-files.ts";
import { packageVersion } from "./version.ts";

const COMMANDS = `
Commands:
  turnpike [serve]       starts the server (this help)
  turnpike credentials   prints TURN credentials and iceServers as JSON
  turnpike check-config  exit code 1 and every error, with its place

Signals: SIGTERM and SIGINT end it (again: at once), SIGUSR2 drains it: no new calls, and it ends when the running ones have.
SIGHUP reads the configuration again.

Every flag is also an environment variable (TURNPIKE_HTTP_PORT) and a key of the file (httpPort); limits stand in
"limits". Flags win over environment, environment over file. Lists: --host A B, or --host A --host B.
`;

export async function serve(args: readonly string[], terminal: Terminal): Promise<number> {
  const version = packageVersion();
  const command = createCommand(
    terminal,
    "turnpike",
    "WebSocket signaling with rooms, a STUN responder and a TURN relay, in one process.",
  )
    .version(version, "-V, --version", "the version")
    .addHelpText("after", COMMANDS);
  const commandLine = readCommandLine(command, args);
  const load = () => loadFor(commandLine, terminal, inspectTlsFiles);
  const config = load();
  keepHeapSmall();
  const server = createServer(config);
  const ended = untilSignal({
    onHangup: () => server.reload(load),
    onDrain() {
      terminal.print(
        `Turnpike drains: no new calls, for ${config.drainSeconds} s at most. SIGTERM to end sooner.`,
      );
      void server.drain();
    },
  });
  try {
    const addresses = await server.start();
    for (const line of bannerLines({ version, config, addresses, udpEngine: server.udpEngine }))
      terminal.print(line);
  } catch (error) {
    ended.forget();
    if (error instanceof UdpEngineError) {
      terminal.complain(`--udp-engine: ${error.message}`);
      return 1;
    }
    if (!(error instanceof ListenError)) throw error;
    terminal.complain(describeFailures(error.failures).join("\n"));
    return 1;
  }
  const why = await Promise.race([ended.signal.then(() => "signal"), server.ended.then(() => "drained")]);
  if (why === "signal")
    terminal.print("Turnpike ends: members are told, calls may finish. Once more to end at once.");
  await server.close();
  ended.forget();
  return 0;
}
