/** Packets about as large as 16 bits of length can say: they arrive whole, or are dropped and counted. */

import { expect, test } from "vitest";
import { allocateBoth, assertRelays, assertSuccess } from "../../conformance/checks.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";

/** The largest payload that UDP carries over each family. */
const DATAGRAM = { 4: 65_507, 6: 65_527 } as const;
const CHANNEL = 0x4000;

async function openCase(transport: "udp" | "tcp", family: 4 | 6) {
  const memory = openMemoryTarget({}, { transport });
  const { target, turn } = memory;
  const [client, peer] = [await target.client(), await target.peer({ family })];
  const relayed = (await allocateBoth(client)).find((address) => address.family === family);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  if (relayed === undefined) throw new Error("no relayed address of this family");
  return { memory, target, turn, client, peer, relayed, tooLarge: () => turn.counters.drops["too-large"] };
}

test.each([
  // A Data indication holds header 20, XOR-PEER-ADDRESS 12 or 24, DATA's header 4, and the data padded to 4.
  { transport: "tcp", family: 4, largest: DATAGRAM[4] },
  { transport: "tcp", family: 6, largest: 65_504 },
  // The same within the 65,507 bytes of the datagram that a client on IPv4 gets.
  { transport: "udp", family: 4, largest: 65_468 },
  { transport: "udp", family: 6, largest: 65_456 },
] as const)(
  "to a client over $transport a Data indication from IPv$family carries $largest bytes and no more",
  async ({ transport, family, largest }) => {
    const { target, turn, client, peer, relayed, tooLarge } = await openCase(transport, family);
    const whole = Buffer.alloc(largest, "w");
    await peer.send(relayed, whole);
    expect((await client.data.take()).data.equals(whole)).toBe(true);
    if (largest < DATAGRAM[family]) {
      const receivedPackets = turn.counters.receivedPackets;
      for (const bytes of [largest + 1, DATAGRAM[family]]) await peer.send(relayed, Buffer.alloc(bytes));
      expect([tooLarge(), turn.counters.receivedPackets]).toEqual([2, receivedPackets]);
    }
    expect([client.data.drain(), client.strays]).toEqual([[], []]);
    await assertRelays(client, relayed, peer);
    await target.close();
  },
);

test.each([
  { transport: "tcp", family: 4, largest: DATAGRAM[4] },
  { transport: "tcp", family: 6, largest: DATAGRAM[6] },
  // ChannelData's header within the 65,507 bytes of the client's datagram.
  { transport: "udp", family: 4, largest: 65_503 },
  { transport: "udp", family: 6, largest: 65_503 },
] as const)(
  "to a client over $transport a channel from IPv$family carries $largest bytes and no more",
  async ({ transport, family, largest }) => {
    const { target, client, peer, relayed, tooLarge } = await openCase(transport, family);
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
    const whole = Buffer.alloc(largest, "w");
    await peer.send(relayed, whole);
    const arrived = await client.data.take();
    expect([arrived.channelNumber, arrived.data.equals(whole)]).toEqual([CHANNEL, true]);
    if (largest < DATAGRAM[family]) {
      await peer.send(relayed, Buffer.alloc(largest + 1));
      expect(tooLarge()).toBe(1);
    }
    expect([client.data.drain(), client.strays]).toEqual([[], []]);
    await assertRelays(client, relayed, peer);
    await target.close();
  },
);

test.each([4, 6] as const)(
  "to a target on IPv%i leaves what one datagram holds, from a channel that holds 65,535 bytes",
  async (family) => {
    const { target, turn, client, peer, relayed, tooLarge } = await openCase("tcp", family);
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
    const whole = Buffer.alloc(DATAGRAM[family], "w");
    await client.sendChannelData(CHANNEL, whole);
    expect((await peer.packets.take()).data.equals(whole)).toBe(true);
    const { sentPackets } = turn.counters;
    for (const bytes of [DATAGRAM[family] + 1, 65_535]) {
      await client.sendChannelData(CHANNEL, Buffer.alloc(bytes));
    }
    expect([tooLarge(), turn.counters.sentPackets]).toEqual([2, sentPackets]);
    expect(peer.packets.pending).toEqual([]);
    await assertRelays(client, relayed, peer);
    await target.close();
  },
);

test("between two clients inside the process nothing passes that no datagram could hold", async () => {
  const { target, client, relayed, tooLarge } = await openCase("tcp", 4);
  const other = await target.client();
  const [otherRelayed] = await allocateBoth(other);
  assertSuccess(await client.channelBind(0x4001, otherRelayed), "ChannelBind");
  assertSuccess(await other.createPermission(relayed), "CreatePermission");
  const whole = Buffer.alloc(DATAGRAM[4], "w");
  await client.sendChannelData(0x4001, whole);
  expect((await other.data.take()).data.equals(whole)).toBe(true);
  for (const bytes of [65_508, 65_517, 65_535]) await client.sendChannelData(0x4001, Buffer.alloc(bytes));
  expect([tooLarge(), other.data.drain(), other.strays]).toEqual([3, [], []]);
  await client.sendChannelData(0x4001, Buffer.from("still here"));
  expect((await other.data.take()).data.toString()).toBe("still here");
  await target.close();
});
