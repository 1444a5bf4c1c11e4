/** What goes straight into `new RTCPeerConnection({ iceServers })`. */

import type { Credential } from "./turn-credentials.ts";

/** RTCIceServer. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export interface IceEndpoints {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  /** STUN and TURN over UDP. */
  readonly turnPort: number;
}

/** STUN needs no credentials; TURN does (RFC 7064 and 7065 for the URLs). */
export function buildIceServers({ host, turnPort }: IceEndpoints, credential: Credential): IceServer[] {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${turnPort}`;
  return [
    { urls: [`stun:${authority}`] },
    {
      urls: [`turn:${authority}?transport=udp`],
      username: credential.username,
      credential: credential.credential,
    },
  ];
}
