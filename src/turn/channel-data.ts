/** ChannelData framing (RFC 8656 section 12.4) and the range of channel numbers. */

/** Channel number and length, 16 bits each. */
export const CHANNEL_DATA_HEADER_BYTES = 4;

/**
 * RFC 8656 has clients take 0x4000 to 0x4FFF; RFC 5766 allowed up to 0x7FFF and clients that still do so are served (turnutils_uclient
 * binds up to 0x7FFE).
 */
export const MIN_CHANNEL_NUMBER = 0x4000;
export const MAX_CHANNEL_NUMBER = 0x7fff;

export function isChannelNumber(number: number): boolean {
  return number >= MIN_CHANNEL_NUMBER && number <= MAX_CHANNEL_NUMBER;
}

/** Whether a packet that starts with this byte is ChannelData (its two top bits are 01); STUN has 00. */
export function startsChannelData(firstByte: number): boolean {
  return firstByte >= 0x40 && firstByte <= 0x7f;
}

/** Writes the header at buffer[offset, offset + 4). */
export function writeChannelDataHeader(
  buffer: Uint8Array,
  offset: number,
  channelNumber: number,
  dataBytes: number,
): void {
  buffer[offset] = channelNumber >>> 8;
  buffer[offset + 1] = channelNumber;
  buffer[offset + 2] = dataBytes >>> 8;
  buffer[offset + 3] = dataBytes;
}
