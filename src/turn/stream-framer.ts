/**
 * STUN messages and ChannelData out of a byte stream (RFC 8489 section 6.2.2, RFC 8656 section 12.5). Segments may be cut and joined
 * at any byte. A frame that lies whole in a segment is handed on where it lies; only one that is cut is copied, once.
 */

import { HEADER_BYTES as STUN_HEADER_BYTES } from "../stun/registry.ts";
import { CHANNEL_DATA_HEADER_BYTES } from "./channel-data.ts";

/** No frame is larger: 16 bits of length, a STUN header, padding. */
export const MAX_FRAME_BYTES = STUN_HEADER_BYTES + 0xffff + 1;

/** One frame, buffer[start, end); of ChannelData without its padding. The bytes are only valid during the call. */
export type FrameReceiver = (buffer: Uint8Array, start: number, end: number) => void;

/** Type, length and magic cookie: what is needed to tell a STUN message from garbage. */
const STUN_PREFIX_BYTES = 8;
const COOKIE_BYTES = [0x21, 0x12, 0xa4, 0x42];

/** The size of a frame on the wire could not be told yet, or never will be. */
const UNKNOWN = 0;
const GARBAGE = -1;

export class StreamFramer {
  readonly #receive: FrameReceiver;
  /** The beginning of a cut frame; of one whose size is not known yet at most `STUN_PREFIX_BYTES - 1`. */
  #held: Uint8Array = new Uint8Array(STUN_PREFIX_BYTES);
  #heldBytes = 0;
  #isStopped = false;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(receive: FrameReceiver) {
    this.#receive = receive;
  }

  /** Bytes of a cut frame that wait for the rest. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Called from the receiver: what follows the frame that it was given is no frame, and is left in `rest`. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What came behind the last frame. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /**
   * Takes one segment and hands on every frame that it completes. False: what follows is neither STUN nor ChannelData, or a frame
   * above `maxFrameBytes`. A stream has no way back from there, and must be closed.
   */
  push(segment: Uint8Array, maxFrameBytes: number): boolean {
    let offset = 0;
    if (this.#heldBytes > 0) {
      offset = this.#continueHeld(segment, maxFrameBytes);
      if (offset === GARBAGE) return false;
    }
    while (offset < segment.length) {
      if (this.#isStopped) {
        this.#rest = segment.subarray(offset);
        return true;
      }
      const size = frameSize(segment, offset, segment.length);
      if (size === GARBAGE || size > maxFrameBytes) return false;
      if (size === UNKNOWN || offset + size > segment.length) {
        this.#hold(segment, offset, size);
        return true;
      }
      this.#receive(segment, offset, offset + unpaddedSize(segment, offset, size));
      offset += size;
    }
    return true;
  }

  /** Completes the frame that is held, as far as the segment goes. Returns how much of it was used, or GARBAGE. */
  #continueHeld(segment: Uint8Array, maxFrameBytes: number): number {
    let used = 0;
    let size = frameSize(this.#held, 0, this.#heldBytes);
    while (size === UNKNOWN) {
      if (used === segment.length) return used;
      this.#held[this.#heldBytes++] = segment[used++] as number;
      size = frameSize(this.#held, 0, this.#heldBytes);
    }
    if (size === GARBAGE || size > maxFrameBytes) return GARBAGE;
    if (this.#held.length < size) this.#held = grown(this.#held, this.#heldBytes, size);
    const taken = Math.min(size - this.#heldBytes, segment.length - used);
    this.#held.set(segment.subarray(used, used + taken), this.#heldBytes);
    this.#heldBytes += taken;
    used += taken;
    if (this.#heldBytes < size) return used;
    const frame = this.#held;
    this.#held = new Uint8Array(STUN_PREFIX_BYTES);
    this.#heldBytes = 0;
    this.#receive(frame, 0, unpaddedSize(frame, 0, size));
    return used;
  }

  #hold(segment: Uint8Array, offset: number, size: number): void {
    const rest = segment.subarray(offset);
    if (this.#held.length < size) this.#held = new Uint8Array(size);
    this.#held.set(rest);
    this.#heldBytes = rest.length;
  }
}

function grown(bytes: Uint8Array, used: number, size: number): Uint8Array {
  const larger = new Uint8Array(size);
  larger.set(bytes.subarray(0, used));
  return larger;
}

/** The size on the wire of the frame that starts at buffer[offset], of which the bytes before `end` are there. */
function frameSize(buffer: Uint8Array, offset: number, end: number): number {
  const available = end - offset;
  const kind = (buffer[offset] as number) >>> 6;
  if (kind > 1) return GARBAGE;
  if (kind === 1) {
    if (available < CHANNEL_DATA_HEADER_BYTES) return UNKNOWN;
    // RFC 8656 section 12.5: over a stream "the ChannelData message MUST be padded to a multiple of four bytes".
    return (CHANNEL_DATA_HEADER_BYTES + lengthAt(buffer, offset) + 3) & ~3;
  }
  for (let i = 0; i < COOKIE_BYTES.length && 4 + i < available; i++) {
    if (buffer[offset + 4 + i] !== COOKIE_BYTES[i]) return GARBAGE;
  }
  if (available < STUN_PREFIX_BYTES) return UNKNOWN;
  const length = lengthAt(buffer, offset);
  // RFC 8489 section 5: "the last 2 bits of this field are always zero".
  return length % 4 === 0 ? STUN_HEADER_BYTES + length : GARBAGE;
}

/** ChannelData ends where its length says, and a STUN message with its frame. */
function unpaddedSize(buffer: Uint8Array, offset: number, size: number): number {
  const isChannelData = (buffer[offset] as number) >>> 6 === 1;
  return isChannelData ? CHANNEL_DATA_HEADER_BYTES + lengthAt(buffer, offset) : size;
}

function lengthAt(buffer: Uint8Array, offset: number): number {
  return ((buffer[offset + 2] as number) << 8) | (buffer[offset + 3] as number);
}
