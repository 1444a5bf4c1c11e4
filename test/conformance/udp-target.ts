/** Our relay over real UDP sockets, with each engine. */

import { openUdpEngine, type UdpEngineName } from "../../src/net/udp-engine.ts";
import { EndpointKeeper, openSocketTarget, socketOffers } from "./socket-target.ts";
import type { TargetKind } from "./target.ts";

function udpKindOf(engineName: UdpEngineName, name: string): TargetKind {
  return {
    name,
    offers: socketOffers("datagrams"),
    async open(settings) {
      const endpoints = new EndpointKeeper();
      const engine = await openUdpEngine(engineName, (error) => {
        throw error;
      });
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
