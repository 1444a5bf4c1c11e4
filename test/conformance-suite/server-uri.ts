/** `turn:` and `turns:` URIs (RFC 7065) of the servers that the suite is pointed at. */

import { parseIp, type TransportAddress, withPort } from "../../src/stun/address.ts";

export type ServerTransport = "udp" | "tcp" | "tls";

export interface ServerUri {
  readonly address: TransportAddress;
  readonly transport: ServerTransport;
}

const DEFAULT_PORT = { turn: 3478, turns: 5349 } as const;
const URI = /^(turns?):(?:\[([^[\]]*)\]|([^[\]:?]*))(?::([^?]*))?(?:\?(.*))?$/;

/** The server, or in a few words what is wrong. Names have been looked up before (resolve-names.ts). */
export function parseServerUri(uri: string): ServerUri | string {
  const [, scheme, ipv6, ipv4, port, query] = URI.exec(uri) ?? [];
  if (scheme !== "turn" && scheme !== "turns")
    return "not turn:HOST:PORT or turns:HOST:PORT, an IPv6 address as HOST in brackets";
  const ip = parseIp(ipv6 ?? ipv4 ?? "");
  if (ip === undefined || (ip.family === 6) !== (ipv6 !== undefined))
    return "HOST is not an IP address; an IPv6 address stands in brackets, the name in a certificate in --servername";
  const number = port === undefined ? DEFAULT_PORT[scheme] : Number(port);
  if (port === "" || !Number.isInteger(number) || number < 1 || number > 65535)
    return "PORT is not a number from 1 to 65535";
  const transport = transportOf(scheme, query);
  if (transport === undefined)
    return scheme === "turn"
      ? "what follows ? is not transport=udp or transport=tcp"
      : "turns: goes over TCP: nothing but transport=tcp may follow ?";
  return { address: withPort(ip, number), transport };
}

function transportOf(scheme: "turn" | "turns", query: string | undefined): ServerTransport | undefined {
  if (scheme === "turns") return query === undefined || query === "transport=tcp" ? "tls" : undefined;
  if (query === undefined || query === "transport=udp") return "udp";
  return query === "transport=tcp" ? "tcp" : undefined;
}
