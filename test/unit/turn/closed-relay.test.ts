import { expect, test } from "vitest";
import { formatIp, type IpAddress, parseIp, withPort } from "../../../src/stun/address.ts";
import { PERMISSION_LIFETIME_MS } from "../../../src/turn/allocation.ts";
import { MAX_CLAIM_PACKETS } from "../../../src/turn/claim-ledger.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";
import { check } from "../../support/ice-check.ts";

const ROOM = "blue";
const ANNS = "the ice password of Ann..";
const MEDIA = Buffer.from("media");

test("where relayTo is public, a room's credentials relay to whoever the network policy lets everybody reach", async () => {
  const { target } = openMemoryTarget({}, { room: { roomKey: ROOM, peer: "ann" } });
  const [client, peer] = [await target.client(), await target.peer()];
  await client.allocate();
  expect((await client.createPermission(peer.address)).outcome).toBe("success");
  await client.sendIndication(peer.address, MEDIA);
  expect((await peer.packets.take()).data).toEqual(MEDIA);
  target.controls.leave(ROOM, "ben");
  await client.sendIndication(peer.address, MEDIA);
  expect((await peer.packets.take()).data).toEqual(MEDIA);
});

test("checks that do not verify cost the relay a bounded number of HMACs, and the next second it looks again", async () => {
  const { target } = openMemoryTarget();
  const { controls } = target;
  const client = await target.client({ as: controls.member(ROOM, "ann") });
  const peer = await target.peer();
  controls.signal(ROOM, "ben", "ann", { addresses: [formatIp(peer.address)] });
  controls.signal(ROOM, "ann", "ben", { icePasswords: [ANNS] });
  const { relayedAddress } = await client.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  await client.createPermission(peer.address);
  const arrives = async (data: Uint8Array) => {
    await peer.send(relayedAddress, data);
    await client.bind();
    return client.data.drain().length > 0;
  };
  const forged = check("the ice password of Eve..");
  for (let i = 0; i < 1000; i++) await peer.send(relayedAddress, forged);
  await client.bind();
  expect(client.data.drain()).toHaveLength(1000);
  expect(await arrives(check(ANNS))).toBe(true);
  expect(await arrives(MEDIA)).toBe(false);
  controls.advance(1);
  expect(await arrives(check(ANNS))).toBe(true);
  expect(await arrives(MEDIA)).toBe(true);
});

test("an address that is proved and in use outlives later candidates; when its member leaves, it ends all the same", async () => {
  const { target } = openMemoryTarget();
  const { controls } = target;
  const client = await target.client({ as: controls.member(ROOM, "ann") });
  const peer = await target.peer();
  const signal = (addresses: readonly string[]) => controls.signal(ROOM, "ben", "ann", { addresses });
  signal([formatIp(peer.address)]);
  controls.signal(ROOM, "ann", "ben", { icePasswords: [ANNS] });
  const { relayedAddress } = await client.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  await client.createPermission(peer.address);
  await peer.send(relayedAddress, check(ANNS));
  signal(Array.from({ length: 40 }, (_, i) => `89.160.30.${i + 1}`));

  for (let refreshes = 0; refreshes < 2; refreshes++) {
    expect((await client.createPermission(peer.address)).outcome).toBe("success");
    expect((await client.channelBind(0x4000, peer.address)).outcome).toBe("success");
    await client.sendChannelData(0x4000, MEDIA);
    expect((await peer.packets.take()).data).toEqual(MEDIA);
    controls.advance(PERMISSION_LIFETIME_MS / 1000 - 60);
  }
  const other = await target.client({ as: controls.member(ROOM, "ann") });
  await other.allocate();
  expect((await other.createPermission(peer.address)).outcome).toBe(403);

  controls.leave(ROOM, "ben");
  await client.sendChannelData(0x4000, MEDIA);
  expect((await client.createPermission(peer.address)).outcome).toBe(403);
  expect(peer.packets.drain()).toHaveLength(0);
});

test("who is not relayed itself is heard where its packets come in to another one's relay", async () => {
  const { target, turn } = openMemoryTarget();
  const { controls } = target;
  const client = await target.client({ as: controls.member(ROOM, "ann") });
  const [peer, stranger] = [await target.peer(), await target.peer({ host: 1 })];
  controls.signal(ROOM, "ben", "ann", { addresses: [peer.address, stranger.address].map(formatIp) });
  controls.signal(ROOM, "ann", "ben", { icePasswords: [ANNS] });
  const { relayedAddress } = await client.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  await client.createPermission(peer.address, stranger.address);
  const heard = (name: string) => turn.lastRelayedAtMs(`r.${name}.${ROOM}`, { roomKey: ROOM, peer: name });
  const arrives = async (from: typeof peer, data: Uint8Array) => {
    await from.send(relayedAddress, data);
    await client.data.take();
  };

  await arrives(stranger, check("the ice password of Eve.."));
  expect(heard("ben")).toBeUndefined();
  await arrives(peer, check(ANNS));
  const first = heard("ben");
  controls.advance(7);
  await arrives(peer, MEDIA);
  expect(heard("ben")).toBe((first ?? 0) + 7000);
  // What is sent to it says nothing of it, and nothing of this is of somebody else.
  controls.advance(7);
  await client.sendIndication(peer.address, MEDIA);
  expect(heard("ben")).toBe((first ?? 0) + 7000);
  expect(heard("cleo")).toBeUndefined();
});

test("a member of no room of which anything is known is refused, and static users are as before", async () => {
  const { target } = openMemoryTarget();
  const peer = await target.peer();
  const member = await target.client({ as: target.controls.member("empty", "ann") });
  const guest = await target.client();
  for (const [client, outcome] of [
    [member, 403],
    [guest, "success"],
  ] as const) {
    await client.allocate();
    expect((await client.createPermission(peer.address)).outcome).toBe(outcome);
  }
  target.controls.signal("empty", "ben", "ann", { addresses: [formatIp(peer.address)] });
  expect((await member.createPermission(peer.address)).outcome).toBe("success");
});

test("a stranger who is claimed in every form that his address has gets 200 checks, over IPv4 and IPv6 together", async () => {
  const { target } = openMemoryTarget();
  const { controls } = target;
  const peer = await target.peer();
  const plain = formatIp(peer.address);
  const forms = [parseIp(`64:ff9b::${plain}`), parseIp(`2002:${sixToFour(peer.address)}::1`)].map((ip) => {
    if (ip === undefined) throw new Error("not an address");
    return withPort(ip, peer.address.port);
  });
  const others = await Promise.all(forms.map((form) => target.endpointAt(form)));
  const addresses = [plain, ...others.map(({ address }) => formatIp(address))];
  controls.signal(ROOM, "ben", "ann", { addresses });
  const client = await target.client({ as: controls.member(ROOM, "ann") });
  await client.allocate({ isDual: true });
  let arrived = 0;
  for (let second = 0; second < 20; second++) {
    for (const { address } of [peer, ...others]) {
      expect((await client.createPermission(address)).outcome).toBe("success");
      for (let i = 0; i < 50; i++) await client.sendIndication(address, check());
    }
    await client.bind();
    arrived += [peer, ...others].reduce((sum, { packets }) => sum + packets.drain().length, 0);
    controls.advance(1);
  }
  expect(arrived).toBe(MAX_CLAIM_PACKETS);
});

function sixToFour({ w3 }: IpAddress): string {
  return `${(w3 >>> 16).toString(16)}:${(w3 & 0xffff).toString(16)}`;
}
