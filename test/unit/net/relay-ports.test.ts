import { expect, it, vi } from "vitest";
import { bindDgramSocket } from "../../../src/net/dgram-socket.ts";
import { DgramRelayAllocator } from "../../../src/net/relay-sockets.ts";
import { type IpAddress, parseIp } from "../../../src/stun/address.ts";
import type { RelayPortParity, RelaySocketResult } from "../../../src/turn/ports.ts";

vi.mock("../../../src/net/dgram-socket.ts");

const IP = parseIp("192.0.2.1") as IpAddress;
const PORTS = { min: 50000, max: 50001 };

/** A machine whose sockets open, but for those ports; `open` holds the ports that are open. */
function createMachine() {
  const open = new Set<number>();
  const failures = new Map<number, string>();
  vi.mocked(bindDgramSocket).mockImplementation(async (_ip, port) => {
    const code = open.has(port) ? "EADDRINUSE" : failures.get(port);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    open.add(port);
    return { close: () => open.delete(port) } as never;
  });
  return { open, failures };
}

function request(allocator: DgramRelayAllocator, parity: RelayPortParity): Promise<RelaySocketResult> {
  return new Promise((resolve) => allocator.open({ family: 4, parity }, resolve));
}

it.each(["EMFILE", "EADDRINUSE", "EACCES"])(
  "leaves no socket open when the next port fails with %s",
  async (code) => {
    const { open, failures } = createMachine();
    const allocator = new DgramRelayAllocator([{ bindIp: IP, relayedIp: IP }], PORTS);
    failures.set(50001, code);
    expect(await request(allocator, "even-with-next")).toEqual({ ok: false, reason: "no-port" });
    expect(open).toEqual(new Set());
    failures.clear();
    expect((await request(allocator, "even-with-next")).ok).toBe(true);
    expect(open).toEqual(new Set([50000, 50001]));
  },
);

it("a pair's second port goes to nobody else while the first one opens", async () => {
  createMachine();
  const allocator = new DgramRelayAllocator([{ bindIp: IP, relayedIp: IP }], PORTS);
  const [pair, single] = await Promise.all([request(allocator, "even-with-next"), request(allocator, "any")]);
  expect(pair.ok && [pair.socket, pair.next].map((socket) => socket?.relayedAddress.port)).toEqual([
    50000, 50001,
  ]);
  expect(single).toEqual({ ok: false, reason: "no-port" });
  if (pair.ok) pair.next?.close();
  expect((await request(allocator, "any")).ok).toBe(true);
});
