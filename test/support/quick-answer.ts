/** `quickBinding` as a function from packet to answer, which writes where it should and nowhere else. */

import { expect } from "vitest";
import type { IpAddress, TransportAddress } from "../../src/stun/address.ts";
import { MAX_QUICK_BINDING_BYTES, quickBinding } from "../../src/turn/quick-binding.ts";

const START = 0x35;
const AT = 0x47;
const ADDRESS_AT = 7;
const EMPTY = 0x55;

/** The address as it stands in a packet or a sockaddr. */
export function addressBytes({ family, w0, w1, w2, w3 }: IpAddress): Buffer {
  const bytes = Buffer.alloc(16);
  for (const [i, word] of [w0, w1, w2, w3].entries()) bytes.writeUInt32BE(word, i * 4);
  return family === 4 ? bytes.subarray(12) : bytes;
}

/** Undefined: it leaves the packet to the slow way. */
export function quickAnswer(packet: Uint8Array, source: TransportAddress): Uint8Array | undefined {
  const arena = new Uint8Array(START + packet.length + 16).fill(EMPTY);
  arena.set(packet, START);
  const before = Buffer.from(arena);
  const out = new Uint8Array(AT + MAX_QUICK_BINDING_BYTES + 16).fill(EMPTY);
  const address = Buffer.concat([Buffer.alloc(ADDRESS_AT, EMPTY), addressBytes(source)]);
  const end = START + packet.length;
  const bytes = quickBinding(arena, START, end, out, AT, source.family, source.port, address, ADDRESS_AT);
  const answer = out.slice(AT, AT + bytes);
  out.fill(EMPTY, AT, AT + bytes);
  expect(
    out.every((byte) => byte === EMPTY),
    "nothing is written beside the answer",
  ).toBe(true);
  expect(before.equals(arena), "the request is left alone").toBe(true);
  return bytes === 0 ? undefined : answer;
}
