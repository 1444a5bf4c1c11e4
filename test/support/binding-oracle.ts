/** The relay's own answer to a Binding request, for whoever claims to give the same. */

import type { TransportAddress } from "../../src/stun/address.ts";
import type { ClientLink } from "../../src/turn/ports.ts";
import { openMemoryTarget } from "../conformance/memory-target.ts";

export interface BindingOracle {
  /** What the relay answers; undefined: nothing. */
  answer(packet: Uint8Array, source: TransportAddress): Uint8Array | undefined;
  close(): Promise<void>;
}

export function openBindingOracle(): BindingOracle {
  const { turn, target } = openMemoryTarget({ unauthenticatedBurst: 1_000_000 });
  let answered: Uint8Array | undefined;
  return {
    answer(packet, source) {
      answered = undefined;
      const link: ClientLink = {
        transport: "udp",
        remote: source,
        local: source,
        holding: undefined,
        send(bytes) {
          answered = Uint8Array.from(bytes);
        },
        sendChannelData() {},
        retain() {},
        release() {},
      };
      turn.receive(link, packet, 0, packet.length);
      return answered;
    },
    close: () => target.close(),
  };
}
