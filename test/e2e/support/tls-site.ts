/** The server on a machine of the lab, as an operator sets it up: a name, and https, wss and turns on port 443. */

import type { Exit } from "./child-process.ts";
import type { NetworkLab } from "./network-lab.ts";
import { makeTempDir } from "./temp-dir.ts";
import { createTestAuthority, type TestAuthority } from "./test-authority.ts";
import { TurnpikeProcess } from "./turnpike-process.ts";

const DOMAIN = "turnpike.test";
const PORTS = { http: 80, turn: 3478, admin: 9090 };
const HTTPS = 443;

export interface TlsSiteOptions {
  /** Of its machine; with a domain after it, of the site. */
  readonly name?: string;
  readonly flags?: readonly string[];
  /** It is reached over IPv6 as well. */
  readonly dualStack?: boolean;
  /** Who trusts that one trusts this one. Default: an authority of its own. */
  readonly beside?: TlsSite;
}

export class TlsSite {
  readonly url: string;
  readonly #start: () => Promise<TurnpikeProcess>;
  #server: TurnpikeProcess;
  readonly #authority: TestAuthority;
  readonly #removeFiles: () => void;

  private constructor(
    host: string,
    start: () => Promise<TurnpikeProcess>,
    server: TurnpikeProcess,
    authority: TestAuthority,
    removeFiles: () => void,
  ) {
    this.url = `https://${host}/`;
    this.#start = start;
    this.#server = server;
    this.#authority = authority;
    this.#removeFiles = removeFiles;
  }

  /** Adds a machine for it to the lab; every machine knows its name. */
  static async start(lab: NetworkLab, options: TlsSiteOptions = {}): Promise<TlsSite> {
    const name = options.name ?? "call";
    const host = `${name}.${DOMAIN}`;
    const { prefix, address, address6 } = lab.addHost(name);
    lab.nameHost(host, address, ...(options.dualStack ? [address6] : []));
    const folder = makeTempDir("authority");
    const authority =
      options.beside === undefined
        ? await createTestAuthority(folder.path, `*.${DOMAIN}`)
        : options.beside.#authority;
    const { certFile, keyFile } = authority;
    const tls = ["--tls-port", String(HTTPS), "--tls-cert", certFile, "--tls-key", keyFile];
    const flags = ["--public-host", host, ...tls, ...(options.flags ?? [])];
    const start = () => TurnpikeProcess.start({ prefix, ports: PORTS, flags });
    return new TlsSite(host, start, await start(), authority, folder.remove);
  }

  /** The one that runs, or ran last. */
  get server(): TurnpikeProcess {
    return this.#server;
  }

  /** Starts it again, on the same machine, with an empty memory. */
  async startAgain(): Promise<void> {
    this.#server = await this.#start();
  }

  /** What a browser must trust. */
  get caFile(): string {
    return this.#authority.caFile;
  }

  /** Resolves with how the server ended. */
  async stop(): Promise<Exit> {
    const exit = await this.server.stop();
    this.#removeFiles();
    return exit;
  }
}
