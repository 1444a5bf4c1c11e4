import { parseIp, withPort } from "../../src/stun/address.ts";
import { startNodeTurn } from "../support/node-turn-control.ts";
import { createPlaces, EndpointKeeper, hasIpv6, RELAY_IPV4, SERVER_IPV4 } from "./socket-target.ts";
import { ALICE, BOB, CAROL, REALM, type Target, type TargetKind } from "./target.ts";

const LOOPBACK_IPV6 = parseIp("::1") ?? SERVER_IPV4;

/** `patienceMs`: how long a client or a peer waits for a packet. */
export function nodeTurnKind(patienceMs: number): TargetKind {
  return {
    name: "node-turn",
    offers: new Set(hasIpv6() ? ["local", "datagrams", "ipv6"] : ["local", "datagrams"]),
    open: () => openNodeTurnTarget(patienceMs),
  };
}

async function openNodeTurnTarget(patienceMs: number): Promise<Target> {
  const credentials = Object.fromEntries([ALICE, BOB, CAROL].map((user) => [user.username, user.password]));
  const listeningIps = hasIpv6() ? [SERVER_IPV4, LOOPBACK_IPV6] : [SERVER_IPV4];
  const server = await startNodeTurn({ listeningIps, relayIps: [RELAY_IPV4], realm: REALM, credentials });
  const endpoints = new EndpointKeeper();
  const address: Target["serverAddress"] = (family) =>
    withPort(family === 4 ? SERVER_IPV4 : LOOPBACK_IPV6, server.port);
  return {
    ...createPlaces(endpoints, address, endpoints.connectUdp, patienceMs),
    get controls(): never {
      throw new Error("node-turn runs in a process of its own");
    },
    async close() {
      await server.close();
      await endpoints.closeAll();
    },
  };
}
