/** What goes straight into `new RTCPeerConnection({ iceServers })`. */

import { urlHost } from "../stun/address.ts";
import type { Credential } from "./turn-credentials.ts";

/** RTCIceServer. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Where STUN and TURN are served; undefined: not over this transport. */
export interface TurnPorts {
  readonly udp: number;
  readonly tcp: number | undefined;
  readonly tls: number | undefined;
}

export interface IceEndpoints {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  readonly ports: TurnPorts;
  /** Whether `host` is the name that the operator gave: a certificate is for a name, not for whatever a client used. */
  readonly hostIsPublic: boolean;
}

/** STUN needs no credentials; TURN does (RFC 7064 and 7065 for the URLs). */
export function buildIceServers(
  { host, ports, hostIsPublic }: IceEndpoints,
  { username, credential }: Credential,
): IceServer[] {
  const authority = (port: number) => `${urlHost(host)}:${port}`;
  const urls = [`turn:${authority(ports.udp)}?transport=udp`];
  if (ports.tcp !== undefined) urls.push(`turn:${authority(ports.tcp)}?transport=tcp`);
  if (ports.tls !== undefined && hostIsPublic) urls.push(`turns:${authority(ports.tls)}?transport=tcp`);
  return [{ urls: [`stun:${authority(ports.udp)}`] }, { urls, username, credential }];
}
