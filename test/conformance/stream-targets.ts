/** Our relay over TCP and over TLS. */

import { TurnStreams } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { EndpointKeeper, openSocketTarget, socketOffers } from "./socket-target.ts";
import type { TargetKind } from "./target.ts";

const CONNECTIONS = { max: 1000, maxPerAddress: 1000, trustedProxies: [], exemptLoopback: false };
const CERTIFICATE = createSelfSignedCertificate();
const TLS = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };

function streamKind(name: "tcp" | "tls"): TargetKind {
  const isTls = name === "tls";
  return {
    name,
    offers: socketOffers("stream", "tcp-relay"),
    async open(settings) {
      const endpoints = new EndpointKeeper();
      return openSocketTarget(settings, endpoints, {
        stream: isTls ? { ca: CERTIFICATE.cert } : {},
        listen: (ip, turn) =>
          openTcpListener(ip, 0, {
            turn: new TurnStreams({ turn, connections: CONNECTIONS }),
            connections: CONNECTIONS,
            failed(error) {
              throw error;
            },
            ...(isTls && { tls: TLS, tlsOnly: true }),
          }),
        connect: async (server, from) =>
          endpoints.keep(await openStreamTransport({ server, from, ...(isTls && { ca: CERTIFICATE.cert }) })),
      });
    },
  };
}

export const tcpKind = streamKind("tcp");
export const tlsKind = streamKind("tls");
