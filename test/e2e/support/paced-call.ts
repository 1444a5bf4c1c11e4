/** A running call of two relayed clients, a packet every 20 ms each way, that knows what was lost and how late the rest came. */

import type { IpAddress, TransportAddress } from "../../../src/stun/address.ts";
import { allocate, assertSuccess } from "../../conformance/checks.ts";
import { type PacketTransport, transportTo } from "../../support/endpoint.ts";
import { openStreamTransport } from "../../support/stream-transport.ts";
import { TurnClient } from "../../support/turn-client.ts";
import type { Credentials } from "../../support/turn-request.ts";
import { openUdpEndpoint } from "../../support/udp-endpoint.ts";
import { eventually } from "./eventually.ts";

const EVERY_MS = 20;
const CHANNEL = 0x4000;
const PACKET_BYTES = 200;
const LATE_MS = 5000;

export interface Place {
  readonly server: TransportAddress;
  /** Where the clients are. */
  readonly from: IpAddress;
}

export interface Lap {
  readonly sent: number;
  readonly lost: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

export class PacedCall {
  readonly #clients: readonly TurnClient[];
  readonly #delaysMs: number[] = [];
  #sent = 0;

  private constructor(clients: readonly TurnClient[]) {
    this.#clients = clients;
  }

  /** Two clients that reach each other by their relayed addresses, and have begun. It ends with its process. */
  static async start(kind: "udp" | "tcp", { server, from }: Place, as: Credentials): Promise<PacedCall> {
    const clients: TurnClient[] = [];
    const call = new PacedCall(clients);
    for (let n = 0; n < 2; n++) {
      const transport =
        kind === "udp"
          ? transportTo(server, await openUdpEndpoint(from))
          : await openStreamTransport({ server, from });
      clients.push(new TurnClient(call.#timed(transport), as));
    }
    const relayed = await Promise.all(clients.map((client) => allocate(client)));
    await Promise.all(
      clients.map(async (client, n) =>
        assertSuccess(
          await client.channelBind(CHANNEL, relayed[1 - n] as TransportAddress),
          "ChannelBind of the call",
        ),
      ),
    );
    setInterval(() => call.#sendOneEach(), EVERY_MS);
    return call;
  }

  /** What was sent since the last lap, when it has arrived or is lost. */
  async lap(): Promise<Lap> {
    const sent = this.#sent;
    await eventually(
      "the call's packets",
      () => this.#delaysMs.length,
      (arrived) => arrived >= sent,
      LATE_MS,
    ).catch(() => undefined);
    const delays = this.#delaysMs.splice(0).sort((a, b) => a - b);
    this.#sent -= delays.length;
    const lost = Math.max(0, sent - delays.length);
    this.#sent -= lost;
    return {
      sent,
      lost,
      medianMs: delays[delays.length >> 1] ?? Number.POSITIVE_INFINITY,
      maxMs: delays.at(-1) ?? Number.POSITIVE_INFINITY,
    };
  }

  #sendOneEach(): void {
    for (const client of this.#clients) {
      const packet = Buffer.alloc(PACKET_BYTES);
      packet.writeDoubleBE(performance.now(), 0);
      this.#sent++;
      void client.sendChannelData(CHANNEL, packet);
    }
  }

  /** ChannelData is timed where it arrives, all else is the client's. */
  #timed(transport: PacketTransport): PacketTransport {
    return {
      ...transport,
      onPacket: (receiver) =>
        transport.onPacket((bytes) => {
          const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
          if (packet.readUInt16BE(0) !== CHANNEL) receiver(bytes);
          else this.#delaysMs.push(performance.now() - packet.readDoubleBE(4));
        }),
    };
  }
}
