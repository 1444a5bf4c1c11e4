/** WebSocket text frames as a server sends them: whole, unmasked, without extensions (RFC 6455 section 5.2). */

const FINAL_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** All of them in one buffer, in order. */
export function encodeTextFrames(texts: readonly string[]): Buffer {
  let size = 0;
  for (const text of texts) {
    const length = Buffer.byteLength(text);
    size += headerSize(length) + length;
  }
  const frames = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const text of texts) offset = writeFrame(frames, offset, text);
  return frames;
}

/** Returns where it ends. */
function writeFrame(buffer: Buffer, offset: number, text: string): number {
  const length = Buffer.byteLength(text);
  buffer[offset] = FINAL_TEXT;
  if (length < LENGTH_16) buffer[offset + 1] = length;
  else if (length <= 0xffff) {
    buffer[offset + 1] = LENGTH_16;
    buffer.writeUInt16BE(length, offset + 2);
  } else {
    buffer[offset + 1] = LENGTH_64;
    buffer.writeUInt32BE(0, offset + 2);
    buffer.writeUInt32BE(length, offset + 6);
  }
  const start = offset + headerSize(length);
  return start + buffer.write(text, start);
}

function headerSize(length: number): number {
  if (length < LENGTH_16) return 2;
  return length <= 0xffff ? 4 : 10;
}
