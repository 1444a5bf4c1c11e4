import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { DgramRelayAllocator } from "../../src/net/relay-sockets.ts";
import { parseIp } from "../../src/stun/address.ts";
import type { RelaySocketRequest, RelaySocketResult } from "../../src/turn/ports.ts";

const LOOPBACK = parseIp("127.0.0.1");
if (LOOPBACK === undefined) throw new Error("unreachable");
const ADDRESS = { bindIp: LOOPBACK, relayedIp: LOOPBACK };

function open(allocator: DgramRelayAllocator, request: Partial<RelaySocketRequest> = {}) {
  return new Promise<RelaySocketResult>((resolve) =>
    allocator.open({ family: 4, parity: "any", ...request }, (result) => {
      onTestFinished(() => {
        if (result.ok) {
          result.socket.close();
          result.next?.close();
        }
      });
      resolve(result);
    }),
  );
}

async function openPort(allocator: DgramRelayAllocator, request: Partial<RelaySocketRequest> = {}) {
  const result = await open(allocator, request);
  if (!result.ok) throw new Error(result.reason);
  return result;
}

it("hands out every port of the range once, then none, and a closed one again", async () => {
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21000, max: 21007 });
  const results = await Promise.all(Array.from({ length: 8 }, () => openPort(allocator)));
  const ports = results.map(({ socket }) => socket.relayedAddress.port);
  expect(ports.toSorted()).toEqual([21000, 21001, 21002, 21003, 21004, 21005, 21006, 21007]);
  expect(await open(allocator)).toEqual({ ok: false, reason: "no-port" });
  results[3]?.socket.close();
  results[3]?.socket.close();
  const again = await openPort(allocator);
  expect(again.socket.relayedAddress.port).toBe(ports[3]);
});

it("passes over a port that another program holds", async () => {
  const other = createSocket("udp4");
  other.bind(21020, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21020, max: 21021 });
  expect((await openPort(allocator)).socket.relayedAddress.port).toBe(21021);
  expect(await open(allocator)).toEqual({ ok: false, reason: "no-port" });
});

it("gives an even port, and the next one with it where asked", async () => {
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21041, max: 21045 });
  const even = await openPort(allocator, { parity: "even" });
  expect(even.socket.relayedAddress.port % 2).toBe(0);
  const pair = await openPort(allocator, { parity: "even-with-next" });
  expect(pair.socket.relayedAddress.port % 2).toBe(0);
  expect(pair.next?.relayedAddress.port).toBe(pair.socket.relayedAddress.port + 1);
  expect(await open(allocator, { parity: "even" })).toEqual({ ok: false, reason: "no-port" });
  expect((await openPort(allocator)).socket.relayedAddress.port % 2).toBe(1);
});

it("says that a family is not there", async () => {
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21060, max: 21061 });
  expect(allocator.supports(6)).toBe(false);
  expect(await open(allocator, { family: 6 })).toEqual({ ok: false, reason: "family-unsupported" });
  expect((await open(allocator)).ok).toBe(true);
});

it("carries packets both ways and tells their source", async () => {
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21080, max: 21089 });
  const a = (await openPort(allocator)).socket;
  const b = (await openPort(allocator)).socket;
  const arrived = new Promise<{ port: number; text: string }>((resolve) =>
    b.onPacket((source, buffer, start, end) =>
      resolve({ port: source.port, text: Buffer.from(buffer.subarray(start, end)).toString() }),
    ),
  );
  const bytes = Buffer.from("..hello..");
  a.send(a.destination(b.relayedAddress), bytes, 2, 7);
  expect(await arrived).toEqual({ port: a.relayedAddress.port, text: "hello" });
});

it("a packet to port 0 or to nobody ends nothing", async () => {
  const allocator = new DgramRelayAllocator([ADDRESS], { min: 21100, max: 21109 });
  const a = (await openPort(allocator)).socket;
  const b = (await openPort(allocator)).socket;
  const bytes = Buffer.from("x");
  a.send(a.destination({ ...b.relayedAddress, port: 0 }), bytes, 0, 1);
  a.send(a.destination({ ...b.relayedAddress, port: 9 }), bytes, 0, 1);
  const arrived = new Promise<number>((resolve) => b.onPacket((source) => resolve(source.port)));
  a.send(a.destination(b.relayedAddress), bytes, 0, 1);
  expect(await arrived).toBe(a.relayedAddress.port);
});
