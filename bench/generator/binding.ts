/** STUN Binding requests, from so many sockets in turn. */

import { sameTransportAddress } from "../../src/stun/address.ts";
import { readXorAddress } from "../../src/stun/attributes.ts";
import { ATTRIBUTE, HEADER_BYTES, MAGIC_COOKIE } from "../../src/stun/registry.ts";
import { clientIp } from "./clients.ts";
import type { GeneratorOptions } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { type RunResult, resultOf } from "./result.ts";
import type { Wire, WireSocket } from "./wire.ts";

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
/** Sequence numbers that may be outstanding; more than any window. */
const REMEMBERED = 2 ** 16;

export async function runBinding(options: GeneratorOptions, wire: Wire): Promise<RunResult> {
  const requests = new BindingRequests(options, wire);
  await requests.open();
  const { pacer } = requests;
  const spent = await pacer.run();
  return resultOf(
    options,
    wire.name,
    {
      units: pacer.received,
      sent: pacer.sent,
      bad: requests.bad,
      resent: 0,
      failures: new Map(),
      p50Ms: pacer.latencies.quantileMs(0.5),
      p99Ms: pacer.latencies.quantileMs(0.99),
      late: pacer.late,
      residentKb: [],
    },
    spent,
  );
}

class BindingRequests {
  readonly pacer: Pacer;
  bad = 0;
  readonly #options: GeneratorOptions;
  readonly #wire: Wire;
  readonly #sockets: WireSocket[] = [];
  readonly #request = Buffer.alloc(HEADER_BYTES);
  #sequence = 0;
  /** By sequence number: the socket that asked, and when; -1: answered. */
  readonly #askers = new Int32Array(REMEMBERED).fill(-1);
  readonly #askedAtMs = new Float64Array(REMEMBERED);

  constructor(options: GeneratorOptions, wire: Wire) {
    this.#options = options;
    this.#wire = wire;
    this.#request.writeUInt16BE(BINDING_REQUEST, 0);
    this.#request.writeUInt32BE(MAGIC_COOKIE, 4);
    this.pacer = new Pacer(options, wire, {
      directions: [0],
      count: options.allocs,
      send: (_direction, index, nowMs) => this.#send(index, nowMs),
    });
  }

  async open(): Promise<void> {
    for (let i = 0; i < this.#options.allocs; i++) {
      const socket = await this.#wire.open(clientIp(i), (bytes, start, end) =>
        this.#receive(i, bytes, start, end),
      );
      this.#sockets.push(socket);
    }
  }

  #send(index: number, nowMs: number): void {
    const slot = this.#sequence++ % REMEMBERED;
    this.#askers[slot] = index;
    this.#askedAtMs[slot] = nowMs;
    this.#request.writeUInt32BE(slot, 8);
    this.#request.writeDoubleBE(nowMs, 12);
    (this.#sockets[index] as WireSocket).send(this.#options.server, this.#request);
  }

  /** Right is a success with an outstanding transaction id of this socket, and with the socket's own address in it. */
  #receive(index: number, bytes: Buffer, start: number, end: number): void {
    const slot = end - start >= HEADER_BYTES ? bytes.readUInt32BE(start + 8) % REMEMBERED : 0;
    const askedAtMs = this.#askedAtMs[slot] as number;
    const isOutstanding = this.#askers[slot] === index && bytes.readDoubleBE(start + 12) === askedAtMs;
    if (!isOutstanding || !this.#tellsOwnAddress(index, bytes, start, end)) {
      this.bad++;
      return;
    }
    this.#askers[slot] = -1;
    this.pacer.arrived(0, askedAtMs);
  }

  #tellsOwnAddress(index: number, bytes: Buffer, start: number, end: number): boolean {
    if (bytes.readUInt16BE(start) !== BINDING_SUCCESS) return false;
    for (let at = start + HEADER_BYTES; at + 4 <= end; ) {
      const length = bytes.readUInt16BE(at + 2);
      if (bytes.readUInt16BE(at) === ATTRIBUTE.xorMappedAddress) {
        const address = readXorAddress(
          bytes.subarray(at + 4, at + 4 + length),
          bytes.subarray(start + 8, start + 20),
        );
        return (
          address !== undefined && sameTransportAddress(address, (this.#sockets[index] as WireSocket).address)
        );
      }
      at += 4 + ((length + 3) & ~3);
    }
    return false;
  }
}
