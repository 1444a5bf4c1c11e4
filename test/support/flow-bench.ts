/** The relay in memory with somebody who carries its flows, and flows to begin with. */

import type { TransportAddress } from "../../src/stun/address.ts";
import { allocate, assertSuccess } from "../conformance/checks.ts";
import { type MemoryOptions, openMemoryTarget } from "../conformance/memory-target.ts";
import type { TargetSettings } from "../conformance/target.ts";
import { FakeCarrier } from "./fake-carrier.ts";

export const CHANNEL = 0x4000;
export const OTHER_CHANNEL = 0x4001;
export const MEDIA = Buffer.from("media");

export function openCarried(settings: TargetSettings = {}, options: MemoryOptions = {}) {
  const carrier = new FakeCarrier();
  return { ...openMemoryTarget(settings, { ...options, carrier }), carrier };
}

export type FlowBench = ReturnType<typeof openCarried>;

/** A client that sends by channel to a peer which the network policy lets everybody reach. */
export async function openFlow({ target, carrier }: FlowBench) {
  const [client, peer] = [await target.client(), await target.peer()];
  const relayed = await allocate(client);
  assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
  await client.sendChannelData(CHANNEL, MEDIA);
  const [flow] = carrier.live;
  if (flow === undefined) throw new Error("nothing is carried");
  return { client, peer, relayed, flow };
}

/** Two clients of this relay that have sent to each other. */
export async function openInside({ target, carrier }: FlowBench) {
  const clients = [await target.client(), await target.client({ as: target.bob, host: 1 })] as const;
  const relayed = [await allocate(clients[0]), await allocate(clients[1])] as const;
  for (const [i, client] of clients.entries())
    assertSuccess(await client.channelBind(CHANNEL, relayed[1 - i] as TransportAddress), "ChannelBind");
  for (const client of clients) await client.sendChannelData(CHANNEL, MEDIA);
  return { clients, relayed, flows: carrier.live };
}
