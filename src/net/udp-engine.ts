/** What carries UDP: batched system calls where they can be had, `dgram` everywhere. */

import { availableParallelism } from "node:os";
import type { IpAddress } from "../stun/address.ts";
import type { DiscoveryCorner, RelayAllocator } from "../turn/ports.ts";
import type { TurnServer } from "../turn/turn-server.ts";
import type { RelayAddress } from "./relay-addresses.ts";
import type { PortRange } from "./relay-ports.ts";
import { DgramRelayAllocator } from "./relay-sockets.ts";
import { openBatchListener } from "./udp-batch/batch-listener.ts";
import { BatchRelayAllocator } from "./udp-batch/batch-relay-sockets.ts";
import { BatchEngine } from "./udp-batch/engine.ts";
import { type Libc, type LibcResult, loadLibc } from "./udp-batch/libc.ts";
import { openUdpListener, type UdpListener } from "./udp-listener.ts";

const MAX_DEFAULT_WORKERS = 8;

export type UdpEngineName = "batch" | "dgram";

export interface UdpListenOptions {
  readonly ip: IpAddress;
  /** 0 picks a free port. */
  readonly port: number;
  readonly turn: TurnServer;
  /** Of every packet: its address among those of NAT behaviour discovery. */
  readonly discovery?: () => DiscoveryCorner | undefined;
}

export interface UdpEngine {
  readonly name: UdpEngineName;
  /** Why it is this one, for the start line. */
  readonly why: string;
  /** Opens relayed addresses, at most one per family. */
  createRelayAllocator(addresses: readonly RelayAddress[], ports: PortRange): RelayAllocator;
  /** Rejects with the system's error of a bind. */
  listen(options: UdpListenOptions): Promise<UdpListener>;
  /** Packets that the system did not take, by the error's name. */
  readonly sendErrors: ReadonlyMap<string, number>;
  /** Closes what is open still. Idempotent. */
  close(): Promise<void>;
}

/** The batched engine was asked for and cannot be had. */
export class UdpEngineError extends Error {
  readonly code = "ERR_TURNPIKE_UDP_ENGINE";

  constructor(reason: string) {
    super(`the batched UDP engine cannot be used: ${reason}`);
    this.name = "UdpEngineError";
  }
}

/**
 * "auto" takes the batched engine where it can be had, with so many threads that carry UDP. Rejects with `UdpEngineError` where "batch" is asked for and cannot.
 * `failed` hears of defects of our own.
 */
export async function openUdpEngine(
  wanted: UdpEngineName | "auto",
  failed: (error: unknown) => void,
  workers = defaultWorkers(),
  load: () => Promise<LibcResult> = loadLibc,
): Promise<UdpEngine> {
  if (wanted === "dgram") return createDgramEngine("it was asked for");
  const result = await load();
  let reason = result.ok ? "" : result.reason;
  if (result.ok) {
    const threads = workers === 1 ? "one worker" : `${workers} workers`;
    const why = `${wanted === "auto" ? "many packets per system call" : "it was asked for"}; ${threads}`;
    try {
      return await createBatchEngine(result.libc, why, failed, workers);
    } catch (error) {
      reason = `its threads cannot be started: ${(error as Error).message}`;
    }
  }
  if (wanted === "batch") throw new UdpEngineError(reason);
  return createDgramEngine(`no batched engine: ${reason}`);
}

/** Signaling and the relay's rules have a core too, where there are several; a few workers carry more than most networks bring. */
function defaultWorkers(): number {
  return Math.min(availableParallelism(), MAX_DEFAULT_WORKERS);
}

function createDgramEngine(why: string): UdpEngine {
  return {
    name: "dgram",
    why,
    createRelayAllocator: (addresses, ports) => new DgramRelayAllocator(addresses, ports),
    listen: openUdpListener,
    sendErrors: new Map(),
    close: async () => undefined,
  };
}

async function createBatchEngine(
  libc: Libc,
  why: string,
  failed: (error: unknown) => void,
  workers: number,
): Promise<UdpEngine> {
  const engine = new BatchEngine(libc, failed, workers);
  try {
    await engine.ready();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return {
    name: "batch",
    why,
    createRelayAllocator: (addresses, ports) => new BatchRelayAllocator(engine, addresses, ports),
    listen: async (options) => openBatchListener({ engine, ...options }),
    get sendErrors() {
      return engine.sendErrors;
    },
    close: () => engine.close(),
  };
}
