/**
 * Stands between a browser and a relay, and tells the browser of a shorter lifetime than the relay gave: so that it refreshes
 * its allocations while somebody watches, and not after nine minutes.
 */

import { formatTransportAddress, type IpAddress, type TransportAddress } from "../../src/stun/address.ts";
import { uint32Attribute } from "../../src/stun/attributes.ts";
import { longTermKey } from "../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import type { Endpoint } from "../support/endpoint.ts";
import type { Credentials } from "../support/turn-request.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

export interface ProxyOptions {
  readonly server: TransportAddress;
  readonly credentials: Credentials;
  readonly realm: string;
  readonly lifetimeSeconds: number;
}

export interface Proxy {
  readonly address: TransportAddress;
  close(): Promise<void>;
}

export async function openShortLifetimeProxy(ip: IpAddress, options: ProxyOptions): Promise<Proxy> {
  const front = await openUdpEndpoint(ip);
  const backs = new Map<string, Promise<Endpoint>>();

  async function openBack(client: TransportAddress): Promise<Endpoint> {
    const back = await openUdpEndpoint(ip);
    back.onPacket((bytes) => void front.send(client, shortened(bytes, options)));
    return back;
  }

  front.onPacket((bytes, client) => {
    const name = formatTransportAddress(client);
    const opening = backs.get(name) ?? openBack(client);
    backs.set(name, opening);
    void opening.then((back) => back.send(options.server, bytes));
  });
  return {
    address: front.address,
    async close() {
      await front.close();
      for (const opening of backs.values()) await (await opening).close();
    },
  };
}

/** An Allocate success with another LIFETIME, signed again; everything else as it is. */
function shortened(bytes: Uint8Array, options: ProxyOptions): Uint8Array {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return bytes;
  const { message } = decoded;
  if (message.method !== METHOD.allocate || message.messageClass !== "success") return bytes;
  const { username, password } = options.credentials;
  const attributes = message.attributes
    .filter(({ type }) => type !== ATTRIBUTE.messageIntegrity)
    .map((attribute) =>
      attribute.type === ATTRIBUTE.lifetime
        ? uint32Attribute(ATTRIBUTE.lifetime, options.lifetimeSeconds)
        : attribute,
    );
  return encodeMessage(message, attributes, {
    integrityKey: longTermKey(username, options.realm, password),
    fingerprint: message.fingerprintOffset >= 0,
  });
}
