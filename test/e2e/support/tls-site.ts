/** The server on a machine of the lab, as an operator sets it up: a name, and https, wss and turns on port 443. */

import type { Exit } from "./child-process.ts";
import type { NetworkLab } from "./network-lab.ts";
import { makeTempDir } from "./temp-dir.ts";
import { createTestAuthority } from "./test-authority.ts";
import { TurnpikeProcess } from "./turnpike-process.ts";

const HOST = "call.turnpike.test";
const PORTS = { http: 80, turn: 3478, admin: 9090 };
const HTTPS = 443;

export class TlsSite {
  readonly url = `https://${HOST}/`;
  readonly server: TurnpikeProcess;
  /** What a browser must trust. */
  readonly caFile: string;
  readonly #removeFiles: () => void;

  private constructor(server: TurnpikeProcess, caFile: string, removeFiles: () => void) {
    this.server = server;
    this.caFile = caFile;
    this.#removeFiles = removeFiles;
  }

  /** Adds a machine "server" to the lab; every machine knows its name. */
  static async start(lab: NetworkLab): Promise<TlsSite> {
    const { prefix, publicAddress } = lab.addHost("server");
    lab.nameHost(HOST, publicAddress);
    const folder = makeTempDir("authority");
    const { caFile, certFile, keyFile } = await createTestAuthority(folder.path, HOST);
    const tls = ["--tls-port", String(HTTPS), "--tls-cert", certFile, "--tls-key", keyFile];
    const flags = ["--public-host", HOST, ...tls];
    const server = await TurnpikeProcess.start({ prefix, ports: PORTS, flags });
    return new TlsSite(server, caFile, folder.remove);
  }

  /** Resolves with how the server ended. */
  async stop(): Promise<Exit> {
    const exit = await this.server.stop();
    this.#removeFiles();
    return exit;
  }
}
