/** A kernel that takes no more packets: they are lost, as UDP may lose them, and do not pile up in the process. */

import { createSocket, Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { DgramRelayAllocator } from "../../src/net/relay-sockets.ts";
import { openUdpListener } from "../../src/net/udp-listener.ts";
import { type IpAddress, parseIp, withPort } from "../../src/stun/address.ts";
import type { ClientLink, RelaySocketResult } from "../../src/turn/ports.ts";
import type { TurnServer } from "../../src/turn/turn-server.ts";

const LOOPBACK = parseIp("127.0.0.1") as IpAddress;

afterEach(() => void vi.restoreAllMocks());

/** From now on the kernel has left so much behind. */
function leaveBehind(bytes: number): void {
  vi.spyOn(Socket.prototype, "getSendQueueSize").mockReturnValue(bytes);
}

async function openReceiver() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  const heard: string[] = [];
  socket.on("message", (bytes) => heard.push(bytes.toString()));
  return { socket, heard, address: withPort(LOOPBACK, socket.address().port) };
}

it("a relay socket drops what the kernel does not take", async () => {
  const receiver = await openReceiver();
  const allocator = new DgramRelayAllocator([{ bindIp: LOOPBACK, relayedIp: LOOPBACK }], {
    min: 21120,
    max: 21129,
  });
  const result = await new Promise<RelaySocketResult>((resolve) =>
    allocator.open({ family: 4, parity: "any" }, resolve),
  );
  if (!result.ok) throw new Error(result.reason);
  const { socket } = result;
  onTestFinished(() => socket.close());
  const send = (text: string) =>
    socket.send(socket.destination(receiver.address), Buffer.from(text), 0, text.length);
  leaveBehind(1024 * 1024);
  send("lost");
  leaveBehind(0);
  send("taken");
  await once(receiver.socket, "message");
  expect(receiver.heard).toEqual(["taken"]);
});

it("the listener drops what the kernel does not take, messages and ChannelData", async () => {
  const client = await openReceiver();
  const links: ClientLink[] = [];
  const turn = { receive: (link: ClientLink) => void links.push(link) } as unknown as TurnServer;
  const listener = await openUdpListener({ ip: LOOPBACK, port: 0, turn });
  onTestFinished(() => listener.close());
  client.socket.send("hello", listener.address.port, "127.0.0.1");
  await vi.waitFor(() => expect(links).toHaveLength(1));
  const [link] = links as [ClientLink];
  leaveBehind(1024 * 1024);
  link.send(Buffer.from("lost"));
  link.sendChannelData(0x4000, Buffer.from("lost"), 0, 4);
  leaveBehind(0);
  link.send(Buffer.from("taken"));
  await once(client.socket, "message");
  expect(client.heard).toEqual(["taken"]);
});
