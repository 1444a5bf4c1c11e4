/**
 * The composition root: `assembly.ts` puts the parts together, `open-ports.ts` opens
 * their ports, and here they live and end.
 *
 *   idle ── start ──► starting ──► running ── close ──► closing ──► closed
 *     ▲                  │ a port       └─ drain: no new calls; `close` when the running ones are over
 *     └──────────────────┘ could not be opened
 */

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { type Assembly, type Authorize, assemble } from "./assembly.ts";
import type { Config } from "./config/config.ts";
import type { TurnPorts } from "./credentials/ice-servers.ts";
import { beginDrain, callsEnd, type Endable, shutDown } from "./ending.ts";
import { joinCluster } from "./join-cluster.ts";
import type { DrainStatus } from "./net/admin-drain.ts";
import { createAdminHandler } from "./net/admin-server.ts";
import { attachUpgrade } from "./net/attach.ts";
import { createRequestHandler, handleSdkRequest } from "./net/http-routes.ts";
import { closeListeners, ListenError } from "./net/listen.ts";
import { findRelayAddresses, type RelayAddress } from "./net/relay-addresses.ts";
import { probeRelayPorts } from "./net/relay-probe.ts";
import { findPackageRoot, loadStaticFiles, type StaticFiles } from "./net/static-files.ts";
import { startSweeper } from "./net/sweeper.ts";
import { openUdpEngine, type UdpEngineName } from "./net/udp-engine.ts";
import { createLogger, type Logger, type LogLevel } from "./observe/logger.ts";
import { createProxyLog } from "./observe/proxy-log.ts";
import { hasOwnRelay, openPorts, type PortAddresses } from "./open-ports.ts";
import { type CredentialChange, reloaded, withCredentials } from "./reload.ts";
import type { RoomControl } from "./signaling/ports.ts";
import { roomControl } from "./signaling/room-control.ts";
import { formatIp, type IpFamily } from "./stun/address.ts";

export { type CertificateProblem, findCertificateProblems } from "./net/certificate-check.ts";
export { type ListenAddress, ListenError, type ListenFailure, type ListenPurpose } from "./net/listen.ts";
export { UdpEngineError, type UdpEngineName } from "./net/udp-engine.ts";
export type { CredentialChange } from "./reload.ts";

export interface ServerHooks {
  /** Somebody else's server: signaling is attached to it, and `httpPort` is not opened. Never closed by us. */
  readonly server?: HttpServer | HttpsServer | undefined;
  /** Says who may join which room. */
  readonly authorize?: Authorize | undefined;
  /** While this server drains: the URL of another one that takes new calls. */
  readonly otherNodeUrl?: (() => string | undefined) | undefined;
  /** Default: JSON lines on stderr, from `logLevel` on. */
  readonly logger?: Logger | undefined;
  /** Default true: open the admin port. */
  readonly admin?: boolean;
}

/** Where relayed addresses live: what relay sockets are bound to, and what clients are told. IP addresses in text. */
export interface RelayedAddress {
  readonly bound: string;
  readonly relayed: string;
  readonly family: IpFamily;
}

/** What listens where; `relay` has at most one entry per family. */
export type ServerAddresses = PortAddresses & { readonly relay: readonly RelayedAddress[] };

/** What carries UDP, and why this one. */
export interface UdpEngineChoice {
  readonly name: UdpEngineName;
  readonly why: string;
}

export interface TurnpikeServer {
  /** Opens every port. Rejects with `ListenError`, and then nothing is open and `start` may be tried again. */
  start(): Promise<ServerAddresses>;
  /**
   * Tells members (`go-away`), lets them leave for `shutdownSeconds` at most, closes everything. Idempotent; what was
   * closed cannot be started again.
   */
  close(): Promise<void>;
  /**
   * Takes no new calls and lets the running ones go on, for `drainSeconds` at most; then closes, as `close` does, and resolves. Members
   * are told (`go-away`), `/readyz` says 503. `url`: where to go instead. Idempotent; `close` cuts it short.
   */
  drain(url?: string): Promise<void>;
  /** Undefined unless the server is running. */
  readonly addresses: ServerAddresses | undefined;
  /**
   * Other secrets (the first one signs, every one is accepted) or static users, in any state, without a restart: everybody seated gets
   * fresh iceServers, calls go on, and the relay of static users who are none any more ends. Throws `ConfigError`, and changes nothing then.
   */
  changeCredentials(change: CredentialChange): void;
  /** Undefined unless the server is running. */
  readonly udpEngine: UdpEngineChoice | undefined;
  /** Who is in a room, and its end; while the server does not run there is no room. */
  readonly rooms: RoomControl;
  /** For a program with a server of its own: serves `/client.js` and what it imports. False: not ours, not answered. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
}

/** `start` was called on a server that runs, or that was closed. */
export class ServerStateError extends Error {
  readonly code = "ERR_TURNPIKE_STATE";

  constructor(message: string) {
    super(message);
    this.name = "ServerStateError";
  }
}

interface Running extends Endable {
  readonly assets: StaticFiles;
  readonly addresses: ServerAddresses;
}

type State =
  | { readonly name: "idle" }
  | { readonly name: "starting"; readonly opening: Promise<Running> }
  | ({ readonly name: "running" } & Running)
  | { readonly name: "closing"; readonly done: Promise<void> }
  | { readonly name: "closed"; readonly done: Promise<void> };

const NO_ROOMS = roomControl(({ about }) => (about === "members" ? null : false));

/** What only our own command line uses. */
export interface ReloadableServer extends TurnpikeServer {
  /** Resolves when the server is closed, whoever wanted it. */
  readonly ended: Promise<void>;
  /**
   * Takes over what can be changed while the server runs, and names in the log what needs a restart. Where `load` throws a
   * `ConfigError`, each error is logged and nothing changes.
   */
  reload(load: () => Config): void;
}

export function createServer(config: Config, hooks: ServerHooks = {}): ReloadableServer {
  return new ServerLifecycle(config, hooks);
}

class ServerLifecycle implements ReloadableServer {
  #config: Config;
  readonly #hooks: ServerHooks;
  readonly #logger: Logger;
  readonly #setLogLevel: (level: LogLevel) => void;
  readonly ended: Promise<void>;
  #tellEnded: () => void = () => undefined;
  #state: State = { name: "idle" };
  #drained: Promise<void> | undefined;

  constructor(config: Config, hooks: ServerHooks) {
    this.#config = config;
    this.#hooks = hooks;
    const { logger, setLevel } = loggerOf(config, hooks);
    this.#logger = logger;
    this.#setLogLevel = setLevel;
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  get addresses(): ServerAddresses | undefined {
    return this.#state.name === "running" ? this.#state.addresses : undefined;
  }

  get udpEngine(): UdpEngineChoice | undefined {
    if (this.#state.name !== "running") return undefined;
    const { name, why } = this.#state.udpEngine;
    return { name, why };
  }

  get rooms(): RoomControl {
    return this.#state.name === "running" ? this.#state.assembly.rooms : NO_ROOMS;
  }

  async start(): Promise<ServerAddresses> {
    if (this.#state.name !== "idle")
      throw new ServerStateError(`cannot start: the server is ${this.#state.name}`);
    const config = this.#config;
    const opening = open(config, this.#hooks, this.#logger, {
      isReady: () =>
        this.#state.name === "running" &&
        this.#drained === undefined &&
        this.#state.cluster?.isReady !== false,
      isDraining: () => this.#drained !== undefined || this.#state.name === "closing",
      drain: (url) => this.#drainForAdmin(url),
    });
    this.#state = { name: "starting", opening };
    try {
      const running = await opening;
      if (!this.#isStarting()) throw new ServerStateError("the server was closed while it started");
      this.#state = { name: "running", ...running };
      if (config !== this.#config) running.assembly.changeCredentials(this.#config);
      return running.addresses;
    } catch (error) {
      if (this.#isStarting()) this.#state = { name: "idle" };
      throw error;
    }
  }

  close(): Promise<void> {
    const state = this.#state;
    if (state.name === "closing" || state.name === "closed") return state.done;
    const done = this.#end(state).then(() => {
      this.#state = { name: "closed", done };
      this.#tellEnded();
    });
    this.#state = { name: "closing", done };
    return done;
  }

  drain(url?: string): Promise<void> {
    if (this.#state.name !== "running") return this.close();
    this.#drained ??= this.#drain(this.#state, url);
    return this.#drained;
  }

  changeCredentials(change: CredentialChange): void {
    this.#use(withCredentials(this.#config, change));
  }

  reload(load: () => Config): void {
    this.#use(reloaded(this.#config, load, this.#logger));
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#state.name === "running" && handleSdkRequest(request, response, this.#state.assets);
  }

  #use(config: Config): void {
    const { secrets, users, logLevel } = this.#config;
    this.#config = config;
    if (config.logLevel !== logLevel) this.#setLogLevel(config.logLevel);
    const hasCredentials = config.secrets === secrets && config.users === users;
    if (!hasCredentials && this.#state.name === "running") this.#state.assembly.changeCredentials(config);
  }

  async #drain(running: Running, url: string | undefined): Promise<void> {
    const { drainSeconds } = this.#config;
    beginDrain(running, drainSeconds, url);
    this.#logger.info({ drainSeconds, ...countsOf(running) }, "draining: no new calls, running ones go on");
    await callsEnd(running, drainSeconds * 1000, () => this.#state.name !== "running");
    this.#logger.info(countsOf(running), "the drain is over");
    await this.close();
  }

  #drainForAdmin(url: string | undefined): DrainStatus {
    const status = { graceSeconds: this.#config.drainSeconds, rooms: 0, members: 0, allocations: 0 };
    this.drain(url).catch((error: unknown) => this.#logger.error({ err: error }, "the drain met a defect"));
    return this.#state.name === "running" ? { ...status, ...countsOf(this.#state) } : status;
  }

  /** `close` may come while `start` waits. */
  #isStarting(): boolean {
    return this.#state.name === "starting";
  }

  async #end(state: Exclude<State, { readonly done: Promise<void> }>): Promise<void> {
    if (state.name === "running") await shutDown(state, this.#config.shutdownSeconds * 1000);
    // A start that fails has closed what it opened, and tells whoever called it.
    else if (state.name === "starting")
      await state.opening.then(
        (running) => shutDown(running, 0),
        () => undefined,
      );
  }
}

/** Somebody else's logger has its own level. */
function loggerOf(config: Config, hooks: ServerHooks): { logger: Logger; setLevel(level: LogLevel): void } {
  if (hooks.logger !== undefined) return { logger: hooks.logger, setLevel: () => undefined };
  const logger = createLogger({ level: config.logLevel });
  const setLevel = (level: LogLevel) => {
    logger.level = level;
  };
  return { logger, setLevel };
}

function countsOf({ assembly: { hub, turn } }: Endable): Omit<DrainStatus, "graceSeconds"> {
  const { rooms, members } = hub.stats;
  return { rooms, members, allocations: turn.allocationCount };
}

/** What the ports ask of the server's life, and may do to it. */
interface Life {
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
  readonly drain: (url: string | undefined) => DrainStatus;
}

/** Opens everything or, with a `ListenError` for every port that failed, nothing. */
async function open(
  config: Config,
  hooks: ServerHooks,
  logger: Logger,
  { isReady, isDraining, drain }: Life,
): Promise<Running> {
  const assets = await loadStaticFiles(findPackageRoot(import.meta.url));
  const relayAddresses = hasOwnRelay(config)
    ? await findRelayAddresses(config.hosts, config.externalIps)
    : [];
  let turnPorts: TurnPorts = { udp: config.turnPort, tcp: undefined, tls: undefined };
  const { authorize, otherNodeUrl } = hooks;
  const failed = (error: unknown) => logger.error({ err: error }, "the server met a defect");
  const udpEngine = await openUdpEngine(config.udpEngine, failed, config.workers);
  const cluster = await joinCluster(config, logger, () => assembly.hub);
  const assembly: Assembly = assemble({
    config,
    authorize,
    otherNodeUrl,
    cluster,
    logger,
    relayAddresses,
    udpEngine,
    turnPorts: () => turnPorts,
  });
  const { turn, endpoint, hub, metrics } = assembly;
  const ports = await openPorts({
    config,
    turn,
    udpEngine,
    turnIsOpen: (ports) => {
      turnPorts = ports;
    },
    site: createRequestHandler({ assets, isReady }),
    upgrade: endpoint.handleUpgrade,
    ownHttp: hooks.server === undefined,
    admin:
      hooks.admin === false
        ? undefined
        : createAdminHandler({
            isReady,
            renderMetrics: metrics.render,
            rooms: assembly.rooms,
            drain,
            failed,
          }),
    failed,
    proxyHeaderRefused: createProxyLog(logger, () => performance.now()),
    certificateChanged: () => logger.info({}, "the certificate was read again, and is in use"),
    certificateFailed: (error) =>
      logger.error({ err: error }, "the new certificate cannot be used; the one before it stays in use"),
  });
  const failures = [...ports.failures, ...(await probeRelayPorts(relayAddresses, config.relayPorts))];
  if (failures.length > 0) {
    endpoint.terminateAll();
    turn.close();
    await cluster?.close();
    await closeListeners(ports.listeners);
    await udpEngine.close();
    throw new ListenError(failures);
  }
  metrics.watchTurnConnections(ports.turnConnections);
  metrics.watchSendErrors(() => udpEngine.sendErrors);
  metrics.watchDraining(isDraining);
  return {
    assembly,
    cluster,
    assets,
    listeners: ports.listeners,
    udpEngine,
    addresses: { ...ports.addresses, relay: relayAddresses.map(toRelayedAddress) },
    sweeper: startSweeper([() => hub.sweep(), () => turn.sweep(), ports.sweep], failed),
    detach: hooks.server === undefined ? () => undefined : attachUpgrade(hooks.server, endpoint),
  };
}

function toRelayedAddress({ bindIp, relayedIp }: RelayAddress): RelayedAddress {
  return { bound: formatIp(bindIp), relayed: formatIp(relayedIp), family: bindIp.family };
}
