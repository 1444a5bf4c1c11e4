/** Our relay over TCP and over TLS; its relay sockets are of either engine. */

import { TurnStreams } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { openUdpEngine, type UdpEngineName } from "../../src/net/udp-engine.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { EndpointKeeper, openSocketTarget, socketOffers } from "./socket-target.ts";
import type { TargetKind } from "./target.ts";

const CONNECTIONS = { max: 1000, maxPerAddress: 1000, trustedProxies: [], exemptLoopback: false };
const CERTIFICATE = createSelfSignedCertificate();
const TLS = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };

function streamKind(transport: "tcp" | "tls", engineName: UdpEngineName, name: string): TargetKind {
  const isTls = transport === "tls";
  return {
    name,
    offers: socketOffers("stream", "tcp-relay"),
    async open(settings) {
      const endpoints = new EndpointKeeper();
      const engine = await openUdpEngine(engineName, rethrow, 1);
      return openSocketTarget(settings, endpoints, {
        engine,
        stream: isTls ? { ca: CERTIFICATE.cert } : {},
        listen: (ip, turn) =>
          openTcpListener(ip, 0, {
            turn: new TurnStreams({ turn, connections: CONNECTIONS }),
            connections: CONNECTIONS,
            failed: rethrow,
            ...(isTls && { tls: TLS, tlsOnly: true }),
          }),
        connect: async (server, from) =>
          endpoints.keep(await openStreamTransport({ server, from, ...(isTls && { ca: CERTIFICATE.cert }) })),
      });
    },
  };
}

function rethrow(error: unknown): void {
  throw error;
}

export const tcpKind = streamKind("tcp", "dgram", "tcp");
export const tlsKind = streamKind("tls", "dgram", "tls");
export const batchedTlsKind = streamKind("tls", "batch", "tls, batched");
