/** What each packet carries, so that whoever receives it knows whether it is the right one and how long it was on its way. */

/** Looks like RTP, as most relayed packets do. */
const MARK = 0x80_7e_57_da;

export const PAYLOAD_HEADER_BYTES = 24;

export function writePayload(
  bytes: Buffer,
  at: number,
  flow: number,
  direction: number,
  nowMs: number,
): void {
  bytes.writeUInt32BE(MARK, at);
  bytes.writeUInt32BE(flow, at + 4);
  bytes.writeUInt32BE(direction, at + 8);
  bytes.writeDoubleBE(nowMs, at + 16);
}

/** Which flow it belongs to; -1: it is none of ours, or came the wrong way. */
export function flowOf(bytes: Buffer, at: number, direction: number): number {
  if (bytes.readUInt32BE(at) !== MARK || bytes.readUInt32BE(at + 8) !== direction) return -1;
  return bytes.readUInt32BE(at + 4);
}

export function sentAtMs(bytes: Buffer, at: number): number {
  return bytes.readDoubleBE(at + 16);
}
