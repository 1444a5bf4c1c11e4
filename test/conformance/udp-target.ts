/** Our relay over real UDP sockets, with each engine. */

import { openUdpEngine, type UdpEngineName } from "../../src/net/udp-engine.ts";
import { EndpointKeeper, openSocketTarget, socketOffers } from "./socket-target.ts";
import type { TargetKind } from "./target.ts";

function udpKindOf(engineName: UdpEngineName, name: string, workers = 1): TargetKind {
  return {
    name,
    offers: socketOffers("datagrams"),
    async open(settings) {
      const endpoints = new EndpointKeeper();
      const fail = (error: unknown) => {
        throw error;
      };
      const engine = await openUdpEngine(engineName, fail, workers);
      return openSocketTarget(settings, endpoints, {
        engine,
        listen: (ip, turn) => engine.listen({ ip, port: 0, turn }),
        connect: endpoints.connectUdp,
      });
    },
  };
}

export const udpKind = udpKindOf("dgram", "udp");
export const batchKind = udpKindOf("batch", "udp, batched");
/** The kernel deals clients out to both: those of one rule meet across them. */
export const twoWorkersKind = udpKindOf("batch", "udp, batched, two workers", 2);
