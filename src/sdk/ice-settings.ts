/** The RTCConfiguration of every connection of a call: the server's iceServers, and what the application wants. */

import type { IceServer } from "../signaling/protocol.ts";

export class IceSettings {
  iceServers: readonly IceServer[] = [];
  transportPolicy: RTCIceTransportPolicy;
  readonly #overrides: RTCConfiguration;

  constructor(overrides: RTCConfiguration = {}, transportPolicy?: RTCIceTransportPolicy) {
    this.#overrides = overrides;
    this.transportPolicy = transportPolicy ?? overrides.iceTransportPolicy ?? "all";
  }

  get configuration(): RTCConfiguration {
    return {
      iceServers: [...this.iceServers],
      ...this.#overrides,
      iceTransportPolicy: this.transportPolicy,
    };
  }
}
