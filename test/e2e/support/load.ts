/**
 * The load of `load.test.ts`, and the call beside it: connections that say nothing, clients that do not read, a call that knows what
 * it lost. What it has to say goes to standard output.
 */

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { allocate, assertSuccess } from "../../conformance/checks.ts";
import { addressOf } from "../../support/denied-addresses.ts";
import { openStreamTransport, type StreamTransport } from "../../support/stream-transport.ts";
import { TurnClient } from "../../support/turn-client.ts";
import type { Credentials } from "../../support/turn-request.ts";
import { openUdpEndpoint } from "../../support/udp-endpoint.ts";
import { PacedCall } from "./paced-call.ts";

export type Load =
  /** `count` ask once and are silent then; `silent` never say a word after TLS, not even that they are TURN. */
  | { readonly kind: "idle"; readonly count: number; readonly silent: number }
  /** `count` over TCP and as many over TLS. */
  | { readonly kind: "slow"; readonly count: number }
  | { readonly kind: "call" };

export interface LoadOptions {
  readonly load: Load;
  readonly server: string;
  readonly turnPort: number;
  readonly tlsPort: number;
  /** The file of the certificate. */
  readonly ca: string;
  /** The address of the machine that this runs on. */
  readonly own: string;
  readonly credentials: Credentials;
}

const AT_ONCE = 20;
const CHANNEL = 0x4000;
const PACKET = Buffer.alloc(1200, "x");
const ROUND_MS = 15;
const LAP_MS = 500;

export async function main([json = ""]: readonly string[]): Promise<void> {
  const options = JSON.parse(json) as LoadOptions;
  const { load } = options;
  if (load.kind === "idle") await beIdle(options, load.count, load.silent);
  else if (load.kind === "slow") await readNothing(options, load.count);
  else await runCalls(options);
}

function connect(
  options: LoadOptions,
  kind: "tcp" | "tls",
  alpn: readonly string[] = ["stun.turn"],
): Promise<StreamTransport> {
  const { server, turnPort, tlsPort, ca, own } = options;
  const isTls = kind === "tls";
  return openStreamTransport({
    server: withPort(addressOf(server), isTls ? tlsPort : turnPort),
    from: addressOf(own),
    ...(isTls && { ca: readFileSync(ca, "utf8"), ...(alpn.length > 0 && { alpn }) }),
  });
}

/** Calls `open` for each, some at a time. */
async function openAll(count: number, open: () => Promise<void>): Promise<void> {
  let left = count;
  async function openNext(): Promise<void> {
    while (left-- > 0) await open();
  }
  await Promise.all(Array.from({ length: AT_ONCE }, openNext));
}

/** Ends when the server has closed all of them. */
async function beIdle(options: LoadOptions, count: number, silent: number): Promise<void> {
  const lives: { readonly kind: "idle" | "silent"; readonly seconds: Promise<number> }[] = [];
  let refused = 0;
  const live = (kind: "idle" | "silent", { closed }: StreamTransport) => {
    const openedMs = performance.now();
    lives.push({ kind, seconds: closed.then(() => (performance.now() - openedMs) / 1000) });
  };
  await openAll(count, async () => {
    const transport = await connect(options, "tls");
    const client = new TurnClient(transport, options.credentials);
    const answered = client.bind().then(() => true);
    const isServed = await Promise.race([answered, transport.closed.then(() => false)]);
    if (isServed) live("idle", transport);
    else refused++;
  });
  await openAll(silent, async () => live("silent", await connect(options, "tls", [])));
  console.log(`open: ${lives.length}, refused: ${refused}`);
  for (const kind of ["silent", "idle"] as const) {
    const seconds = await Promise.all(lives.filter((one) => one.kind === kind).map((one) => one.seconds));
    console.log(`${kind}: closed after ${Math.min(...seconds)} to ${Math.max(...seconds)} s`);
  }
}

/** Each has an allocation and a channel, and does not read what comes; goes on until it is told to end. */
async function readNothing(options: LoadOptions, count: number): Promise<void> {
  const peer = await openUdpEndpoint(addressOf(options.own));
  const relayed: TransportAddress[] = [];
  for (const kind of ["tcp", "tls"] as const) {
    await openAll(count, async () => {
      const transport = await connect(options, kind);
      const client = new TurnClient(transport, options.credentials);
      relayed.push(await allocate(client));
      assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
      transport.socket.pause();
    });
  }
  console.log(`reading nothing: ${relayed.length}`);
  for (;;) {
    for (const address of relayed) void peer.send(address, PACKET);
    await delay(ROUND_MS);
  }
}

/** One call over UDP and one over TCP; a line of JSON for what each has seen since its last one. */
async function runCalls({ server, turnPort, own, credentials }: LoadOptions): Promise<void> {
  const place = { server: withPort(addressOf(server), turnPort), from: addressOf(own) };
  const calls = [
    await PacedCall.start("udp", place, credentials),
    await PacedCall.start("tcp", place, credentials),
  ];
  for (;;) {
    await delay(LAP_MS);
    for (const call of calls) console.log(JSON.stringify(await call.lap()));
  }
}
