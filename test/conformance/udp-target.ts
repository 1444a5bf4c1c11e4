/** Our relay over real UDP sockets. */

import { openUdpListener } from "../../src/net/udp-listener.ts";
import { EndpointKeeper, openSocketTarget, socketOffers } from "./socket-target.ts";
import type { TargetKind } from "./target.ts";

export const udpKind: TargetKind = {
  name: "udp",
  offers: socketOffers("datagrams"),
  async open(settings) {
    const endpoints = new EndpointKeeper();
    return openSocketTarget(settings, endpoints, {
      listen: (ip, turn) => openUdpListener({ ip, port: 0, turn }),
      connect: endpoints.connectUdp,
    });
  },
};
