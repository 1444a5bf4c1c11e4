/** The generator's flags: those of the server tests' yardstick, `turnload`, as far as they say the same. */

import { parseArgs } from "node:util";
import { parseIpv4, type TransportAddress, withPort } from "../../src/stun/address.ts";

export type Mode = "both" | "up" | "down" | "pair" | "binding" | "churn" | "hold";
/** Of the clients; peers have UDP. */
export type ClientTransport = "udp" | "tcp" | "tls";
const TRANSPORTS: readonly ClientTransport[] = ["udp", "tcp", "tls"];
const MODES: readonly Mode[] = ["both", "up", "down", "pair", "binding", "churn", "hold"];

export interface GeneratorOptions {
  readonly server: TransportAddress;
  readonly user: string;
  readonly pass: string;
  readonly mode: Mode;
  readonly transport: ClientTransport;
  /** Allocations; sockets with "binding" and "churn". */
  readonly allocs: number;
  readonly peers: number;
  /** Packets a second, per allocation and direction; 0: a closed loop with `window` in flight per direction. */
  readonly pps: number;
  /** Of the payload, in bytes. */
  readonly size: number;
  readonly secs: number;
  readonly warm: number;
  readonly settle: number;
  readonly window: number;
  readonly pid: number | undefined;
  /** Send and Data indications in the place of ChannelData. */
  readonly indications: boolean;
  readonly engine: "auto" | "dgram";
}

const USAGE = `node bench/dist/bench/generator/main.js --server IP:PORT --user U --pass P --mode ${MODES.join("|")}
  --allocs N (1)  --peers N (as many as allocations, 16 at most)  --size BYTES (172)
  --pps N (50)    packets a second per allocation and direction; 0: as fast as it goes, --window N (64) in flight per direction
  --secs S (5)  --warm S (1)  --settle S (2)
  --pid P         the server's process: its CPU and memory are measured
  --indications   Send and Data indications in the place of ChannelData
  --engine auto|dgram`;

export class UsageError extends Error {}

/** Throws UsageError. */
export function parseOptions(args: readonly string[]): GeneratorOptions {
  const values = readFlags(args);
  const mode = MODES.find((name) => name === values.mode);
  const [ip = "", port = ""] = values.server.split(":");
  const serverIp = parseIpv4(ip);
  const transport = TRANSPORTS.find((name) => name === values.transport);
  if (mode === undefined || transport === undefined || serverIp === undefined) throw new UsageError(USAGE);
  const allocs = number("allocs", values.allocs, 1, 12_000);
  if (mode === "binding" && transport !== "udp") throw new UsageError("--transport: binding is over udp");
  if (mode === "pair" && allocs % 2 !== 0) throw new UsageError("--allocs: pairs need an even number");
  return {
    server: withPort(serverIp, number("server", port, 1, 65_535)),
    user: values.user,
    pass: values.pass,
    mode,
    transport,
    allocs,
    peers: number("peers", values.peers ?? String(Math.min(allocs, 16)), 1, 12_000),
    pps: number("pps", values.pps, 0, 1e6),
    size: number("size", values.size, 32, 1400),
    secs: number("secs", values.secs, 0.1, 200),
    warm: number("warm", values.warm, 0, 30),
    settle: number("settle", values.settle, 0, 60),
    window: number("window", values.window, 1, 16_384),
    pid: values.pid === undefined ? undefined : number("pid", values.pid, 1, 2 ** 31),
    indications: values.indications,
    engine: values.engine === "dgram" ? "dgram" : "auto",
  };
}

function readFlags(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        server: { type: "string", default: "127.0.0.1:3478" },
        user: { type: "string", default: "u" },
        pass: { type: "string", default: "p" },
        mode: { type: "string", default: "both" },
        transport: { type: "string", default: "udp" },
        allocs: { type: "string", default: "1" },
        peers: { type: "string" },
        pps: { type: "string", default: "50" },
        size: { type: "string", default: "172" },
        secs: { type: "string", default: "5" },
        warm: { type: "string", default: "1" },
        settle: { type: "string", default: "2" },
        window: { type: "string", default: "64" },
        pid: { type: "string" },
        indications: { type: "boolean", default: false },
        engine: { type: "string", default: "auto" },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

function number(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text !== "" && value >= min && value <= max) return value;
  throw new UsageError(`--${flag}: a number from ${min} to ${max}, not "${text}"`);
}
