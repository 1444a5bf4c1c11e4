import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { TcpWriter, TlsWriter } from "../../../src/net/frame-writer.ts";
import { WriteBatch } from "../../../src/net/write-batch.ts";

/** A socket that takes a write when it is told to. */
class HeldSocket extends Writable {
  readonly writes: Buffer[] = [];
  #done: (() => void) | undefined;

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(bytes);
    this.#done = done;
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    this.#done = done;
  }

  /** The write that is under way is over; what it brings about has happened when this resolves. */
  async takeOne(): Promise<void> {
    this.#done?.();
    await endOfTurn();
  }
}

function open(Writer: typeof TlsWriter | typeof TcpWriter = TlsWriter) {
  const socket = new HeldSocket();
  return { socket, writer: new Writer(socket as unknown as Socket, new WriteBatch()) };
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

const frame = (size: number, byte: number) => Buffer.alloc(size, byte);

test("over TCP what is written in one turn leaves in one write", async () => {
  const { socket, writer } = open(TcpWriter);
  for (const turn of [1, 2]) {
    for (const byte of [1, 2, 3]) writer.write(frame(1000, byte * turn));
    expect(writer.waitingBytes).toBe(3000);
    await endOfTurn();
    expect(socket.writes.map(({ length }) => length)).toEqual(Array(turn).fill(3000));
    await socket.takeOne();
  }
});

test("over TLS a short queue leaves frame by frame, in order", async () => {
  const { socket, writer } = open();
  const frames = [1, 2, 3].map((byte) => frame(1000, byte));
  for (const one of frames) writer.write(one);
  expect(writer.waitingBytes).toBe(3000);
  await endOfTurn();
  for (let i = 0; i < frames.length; i++) await socket.takeOne();
  expect(socket.writes).toEqual(frames);
  expect(writer.waitingBytes).toBe(0);
});

test("a longer queue is joined, whole frames up to a record, and nothing is lost", async () => {
  const { socket, writer } = open();
  const frames = Array.from({ length: 101 }, (_, index) => frame(1000, index));
  for (const one of frames) writer.write(one);
  while (writer.waitingBytes > 0) await socket.takeOne();
  expect(Buffer.concat(socket.writes)).toEqual(Buffer.concat(frames));
  const sizes = socket.writes.map(({ length }) => length);
  expect(Math.max(...sizes)).toBe(16_000);
  expect(sizes.length).toBeLessThan(frames.length / 10);
  for (const size of sizes) expect(size % 1000).toBe(0);
});

test("a frame above a record leaves alone", async () => {
  const { socket, writer } = open();
  for (const size of [10, 40_000, 10]) writer.write(frame(size, 1));
  while (writer.waitingBytes > 0) await socket.takeOne();
  expect(socket.writes.map(({ length }) => length)).toEqual([10, 40_000, 10]);
});

test("what waits when the socket fails is let go", async () => {
  const { socket, writer } = open();
  socket.on("error", () => undefined);
  for (const size of [10, 20, 30]) writer.write(frame(size, 1));
  await endOfTurn();
  socket.destroy(new Error("reset"));
  await socket.takeOne();
  expect(writer.waitingBytes).toBe(socket.writableLength);
  expect(socket.writes).toHaveLength(1);
});
