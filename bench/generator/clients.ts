/** The clients of a run, each on an address and port of its own, all on loopback. */

import { type IpAddress, ipv4FromWord } from "../../src/stun/address.ts";
import type { GeneratorOptions } from "./options.ts";
import { type RequestPlan, RequestRun } from "./request-run.ts";
import { type Step, TurnClient } from "./turn-client.ts";
import type { Wire } from "./wire.ts";

/** Beside the server's address, which is 127.0.0.1: packets from a relay's own address are not relayed. */
const FIRST_CLIENT_IP = 0x7f000002;
const CLIENTS_PER_IP = 4000;
export const PEER_IP = ipv4FromWord(0x7f000009);

export class SetupError extends Error {}

export async function openClients(options: GeneratorOptions, wire: Wire): Promise<TurnClient[]> {
  const clients: TurnClient[] = [];
  for (let i = 0; i < options.allocs; i++) {
    const client = new TurnClient(options, wire, clientIp(i));
    await client.open();
    clients.push(client);
  }
  return clients;
}

export function clientIp(index: number): IpAddress {
  return ipv4FromWord(FIRST_CLIENT_IP + Math.floor(index / CLIENTS_PER_IP));
}

/** All of the clients through these steps; the wire ticks for it meanwhile. */
export async function runSteps(
  wire: Wire,
  clients: readonly TurnClient[],
  plan: RequestPlan,
): Promise<RequestRun> {
  const run = new RequestRun(clients, plan);
  wire.onTick = (nowMs) => run.tick(nowMs);
  await run.finished;
  wire.onTick = () => undefined;
  return run;
}

/** The same, once, where every client must succeed. Throws SetupError. */
export async function setUp(
  wire: Wire,
  clients: readonly TurnClient[],
  steps: readonly Step[],
  peerOf: RequestPlan["peerOf"],
): Promise<void> {
  const { failures } = await runSteps(wire, clients, { steps, window: 16, peerOf });
  if (failures.size > 0)
    throw new SetupError(`${steps.join(", ")}: ${JSON.stringify(Object.fromEntries(failures))}`);
}
