/** Clients over TCP without a socket: each has a link of its own, which ends when the test says so. */

import type { TransportAddress } from "../../src/stun/address.ts";
import type { ClientLink, ClientTransport, LinkHolding } from "../../src/turn/ports.ts";
import type { PeerStream, StreamMeter } from "../../src/turn/tcp-ports.ts";
import type { TurnServer } from "../../src/turn/turn-server.ts";
import { TurnClient } from "./turn-client.ts";
import type { Credentials } from "./turn-request.ts";

/** What a link was told to carry. */
export interface Carried {
  readonly stream: PeerStream;
  readonly meter: StreamMeter;
}

export interface MemoryStreamClient {
  readonly client: TurnClient;
  readonly link: ClientLink;
  readonly carried: readonly Carried[];
  /** The connection is gone. */
  disconnect(): void;
}

export interface MemoryStreamClientOptions {
  readonly turn: TurnServer;
  readonly as: Credentials;
  readonly remote: TransportAddress;
  readonly local: TransportAddress;
  readonly transport?: ClientTransport;
}

const PATIENCE_MS = 100;

export function connectMemoryStream({
  turn,
  as,
  remote,
  local,
  transport = "tcp",
}: MemoryStreamClientOptions): MemoryStreamClient {
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const carried: Carried[] = [];
  const link: ClientLink = {
    transport,
    remote,
    local,
    holding: undefined as LinkHolding | undefined,
    send: (message) => receive(Uint8Array.from(message)),
    sendChannelData() {
      throw new Error("a TCP allocation has no channels");
    },
    retain: () => undefined,
    release: () => undefined,
    ...(transport !== "udp" && {
      carry: (stream: PeerStream, meter: StreamMeter) => void carried.push({ stream, meter }),
    }),
  };
  const client = new TurnClient(
    {
      local: remote,
      send: async (bytes) => turn.receive(link, Uint8Array.from(bytes), 0, bytes.length),
      onPacket(receiver) {
        receive = receiver;
      },
      close: async () => turn.linkClosed(link),
    },
    as,
    PATIENCE_MS,
  );
  return { client, link, carried, disconnect: () => turn.linkClosed(link) };
}
