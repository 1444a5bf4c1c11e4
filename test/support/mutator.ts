/** Damaged packets, the same ones for the same seed. */

import { SeededRandom } from "./seeded-random.ts";

export class Mutator {
  readonly #seeds: readonly Uint8Array[];
  readonly #random: SeededRandom;

  /** `random`: a seed, or where the numbers come from. */
  constructor(random: number | SeededRandom, seeds: readonly Uint8Array[]) {
    this.#random = typeof random === "number" ? new SeededRandom(random) : random;
    this.#seeds = seeds;
  }

  /** One of the seeds, damaged one to four times. */
  next(): Uint8Array {
    let packet: Buffer = Buffer.from(this.#random.pick(this.#seeds));
    for (let n = 1 + this.#random.below(4); n > 0; n--) packet = this.#damage(packet);
    return packet;
  }

  #damage(packet: Buffer): Buffer {
    switch (this.#random.below(9)) {
      case 0:
        return this.#flipBit(packet);
      case 1:
        return packet.subarray(0, this.#random.below(packet.length + 1)) as Buffer;
      case 2:
        return this.#splice(packet);
      case 3: // The header's length lies.
        return this.#write16(packet, 2, this.#random.below(0x10000));
      case 4: // Some attribute's length lies.
        return this.#write16(packet, 22 + 4 * this.#random.below(12), this.#random.below(0x10000));
      case 5: // Some attribute's type is another.
        return this.#write16(
          packet,
          20 + 4 * this.#random.below(12),
          this.#random.below(0x40) | (this.#random.below(2) << 15),
        );
      case 6:
        return Buffer.concat([packet, Buffer.alloc(this.#random.below(9), this.#random.below(256))]);
      case 7: // The header's length is right for what is there.
        return this.#write16(packet, 2, Math.max(0, packet.length - 20));
      default:
        return this.#write16(packet, 0, this.#random.below(0x10000));
    }
  }

  #flipBit(packet: Buffer): Buffer {
    const bit = this.#random.below(packet.length * 8 + 1);
    const at = bit >> 3;
    if (at < packet.length) packet[at] = (packet[at] ?? 0) ^ (1 << (bit & 7));
    return packet;
  }

  /** The head of this one and the tail of another. */
  #splice(packet: Buffer): Buffer {
    const other = this.#random.pick(this.#seeds);
    return Buffer.concat([
      packet.subarray(0, this.#random.below(packet.length + 1)),
      other.subarray(this.#random.below(other.length + 1)),
    ]);
  }

  #write16(packet: Buffer, offset: number, value: number): Buffer {
    if (offset + 2 <= packet.length) packet.writeUInt16BE(value, offset);
    return packet;
  }
}
