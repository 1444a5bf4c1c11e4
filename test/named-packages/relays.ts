/** The two relays that are compared, each in a process of its own and as its user starts it: with one static user and no more. */

import {
  formatIp,
  type IpAddress,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { createPlaces, EndpointKeeper } from "../conformance/socket-target.ts";
import { ALICE, REALM, type Target } from "../conformance/target.ts";
import { TurnpikeProcess } from "../e2e/support/turnpike-process.ts";
import { startNodeTurn } from "../support/node-turn-control.ts";
import type { Whose } from "./row.ts";

/** Linux answers to all of 127.0.0.0/8; the relay's address is not 127.0.0.1, so that this one is somebody else's. */
const RELAY_IP = parseIp("127.0.0.3") as IpAddress;
const PATIENCE_MS = 1000;

export interface Relay {
  readonly address: TransportAddress;
  readonly isRunning: boolean;
  close(): Promise<unknown>;
}

/** A relay, and clients and peers for it. */
export type Scene = Pick<Target, "client" | "peer" | "isFree"> & { readonly relay: Relay };

/** Starts a relay, lets `use` look at it, and ends it. */
export async function withRelay<T>(
  whose: Whose,
  use: (scene: Scene) => Promise<T>,
  ip = RELAY_IP,
): Promise<T> {
  const relay = await (whose === "theirs" ? startTheirs(ip) : startOurs(ip));
  const endpoints = new EndpointKeeper();
  try {
    const places = createPlaces(endpoints, () => relay.address, endpoints.connectUdp, PATIENCE_MS);
    return await use({ ...places, relay });
  } finally {
    await endpoints.closeAll();
    await relay.close();
  }
}

async function startTheirs(ip: IpAddress): Promise<Relay> {
  const server = await startNodeTurn({
    listeningIps: [ip],
    relayIps: [ip],
    realm: REALM,
    credentials: { [ALICE.username]: ALICE.password },
  });
  return {
    address: withPort(ip, server.port),
    get isRunning() {
      return server.isRunning;
    },
    close: () => server.close(),
  };
}

/** 127.0.0.2 is where the peers are: closed, as every loopback address is, unless it is opened. */
async function startOurs(ip: IpAddress): Promise<Relay> {
  const user = `${ALICE.username}:${ALICE.password}`;
  const flags = [
    "--host",
    formatIp(ip),
    "--user",
    user,
    "--realm",
    REALM,
    "--allow-relay-to",
    "127.0.0.2/32",
  ];
  const server = await TurnpikeProcess.start({ flags, httpHost: formatIp(ip) });
  return {
    address: withPort(ip, server.ports.turn),
    get isRunning() {
      return server.process.exit === undefined;
    },
    close: () => server.stop(),
  };
}
