import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { formatIp, type TransportAddress } from "../../../src/stun/address.ts";
import { answerTo, binding, check } from "../../support/ice-check.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { allocate, assertRefusedAndKept, assertSameAddress, assertSuccess, text } from "../checks.ts";
import type { Peer, PlaceOptions, Rule, Target } from "../target.ts";

const ROOM = "blue";
const ANNS = "the ice password of Ann..";
const BENS = "the ice password of Ben..";
const CHANNEL = 0x4000;

export const CLOSED_RELAY_RULES: readonly Rule[] = [
  {
    id: "room-stranger",
    title: "a member relays to nobody of whom its room knows nothing, whatever asks for it",
    rfc: "DESIGN section 6, anything else",
    needs: ["inside"],
    async run(target) {
      const { client, peer } = await annsCall(target, { claims: false });
      const bens = await target.peer({ host: 1 });
      target.controls.signal(ROOM, "ben", "ann", { addresses: [formatIp(bens.address)] });
      await assertRefusedAndKept(client, await client.createPermission(peer.address), 403);
      await assertRefusedAndKept(client, await client.channelBind(CHANNEL, peer.address), 403);
      const both = await client.createPermission(bens.address, peer.address);
      await assertRefusedAndKept(client, both, 403, "all or nothing");
      const { drops } = target.controls;
      const before = { ...drops };
      await client.sendIndication(peer.address, check(BENS));
      await client.sendChannelData(CHANNEL, check(BENS));
      assertSuccess(await client.createPermission(bens.address), "CreatePermission for a member's address");
      await client.sendIndication(bens.address, check(BENS));
      await bens.packets.take();
      assert.deepEqual(peer.packets.pending, []);
      assert.equal(drops["no-permission"] - before["no-permission"], 1);
      assert.equal(drops["no-channel"] - before["no-channel"], 1);
    },
  },
  {
    id: "room-own-claim",
    title: "what a member signals itself opens nothing for it, nor what is signalled in another room",
    rfc: "DESIGN section 6, claimed",
    needs: ["inside"],
    async run(target) {
      const { client, peer } = await annsCall(target, { claims: false });
      const addresses = [formatIp(peer.address)];
      target.controls.signal(ROOM, "ann", "ben", { addresses, icePasswords: [ANNS] });
      target.controls.signal("red", "ben", "ann", { addresses, icePasswords: [BENS] });
      await assertRefusedAndKept(client, await client.createPermission(peer.address), 403);
    },
  },
  {
    id: "room-text-forms",
    title: "an address in octal, decimal, hexadecimal, with a zone or a name opens nothing",
    rfc: "DESIGN section 6, claimed",
    needs: ["inside"],
    async run(target) {
      const { client, peer } = await annsCall(target, { claims: false });
      const { w3 } = peer.address;
      const octets = [w3 >>> 24, (w3 >>> 16) & 255, (w3 >>> 8) & 255, w3 & 255];
      const plain = octets.join(".");
      const addresses = [
        octets.map((octet) => `0${octet.toString(8)}`).join("."),
        octets.map((octet) => `0x${octet.toString(16)}`).join("."),
        String(w3),
        `0x${w3.toString(16)}`,
        `${plain}%lo`,
        `::ffff:${plain}`,
        `${plain}.`,
        ` ${plain}`,
        "localhost",
        "f1d2.local",
      ];
      target.controls.signal(ROOM, "ben", "ann", { addresses });
      await assertRefusedAndKept(client, await client.createPermission(peer.address), 403);
    },
  },
  {
    id: "room-claimed",
    title: "to and from an address that a member claims pass STUN Binding messages, and nothing else",
    rfc: "DESIGN section 6, claimed",
    needs: ["inside"],
    async run(target) {
      for (const way of WAYS) {
        const call = await annsCall(target);
        const send = await openWay(call, way);
        for (const packet of NEVER_TO_A_CLAIMED) await send(packet);
        await assertNextAtPeer(call, send);
        for (const packet of NEVER_FROM_A_CLAIMED) await call.peer.send(call.relayed, packet);
        await assertNextAtClient(call, binding("indication"));
        assert.equal(
          target.controls.drops["unproven-target"],
          (NEVER_TO_A_CLAIMED.length + NEVER_FROM_A_CLAIMED.length) * (WAYS.indexOf(way) + 1),
        );
      }
    },
  },
  {
    id: "room-proven-by-check",
    title: "a check that verifies with the member's own ICE password proves its source: all passes then",
    rfc: "DESIGN section 6, proven; RFC 8445 section 7.3",
    needs: ["inside"],
    async run(target) {
      for (const integrity of ["sha1", "sha256"] as const) {
        for (const way of WAYS) {
          const call = await annsCall(target);
          const send = await openWay(call, way);
          await assertNextAtClient(call, binding("request", { password: ANNS, integrity }));
          await assertOpen(call, send);
        }
      }
    },
  },
  {
    id: "room-proven-by-answer",
    title:
      "an answer to a check that went there, verifying with the ICE password of whoever answers, proves it",
    rfc: "DESIGN section 6, proven; RFC 8445 section 7.2.5",
    needs: ["inside"],
    async run(target) {
      for (const messageClass of ["success", "error"] as const) {
        for (const way of WAYS) {
          const call = await annsCall(target);
          const send = await openWay(call, way);
          const request = check(BENS);
          await send(request);
          await call.peer.packets.take();
          await assertNextAtClient(call, answerTo(request, BENS, messageClass));
          await assertOpen(call, send);
        }
      }
    },
  },
  {
    id: "room-not-proven",
    title: "echoes, answers to nothing, other passwords and no integrity at all prove nothing",
    rfc: "DESIGN section 6, proven",
    needs: ["inside"],
    async run(target) {
      const call = await annsCall(target);
      // Both use one password: nothing but its transaction id tells an echo from a check.
      target.controls.signal(ROOM, "ben", "ann", { icePasswords: [ANNS] });
      const send = await openWay(call, "indication");
      const request = check(ANNS);
      await send(request);
      await call.peer.packets.take();
      for (const packet of [
        request,
        answerTo(request),
        answerTo(request, "the ice password of Eve.."),
        answerTo(check(), ANNS),
        binding("success", { password: BENS }),
        binding("indication", { password: ANNS }),
        check(),
        check("the ice password of Eve.."),
      ]) {
        await assertNextAtClient(call, packet);
        await send(text("not yet"));
      }
      await assertNextAtPeer(call, send);
      await assertNextAtClient(call, check(ANNS));
      await assertOpen(call, send);
    },
  },
  {
    id: "room-proven-port",
    title: "what one port proves opens that port alone, for that allocation alone",
    rfc: "DESIGN section 6, proven",
    needs: ["inside"],
    async run(target) {
      const call = await annsCall(target);
      const other = { ...call, peer: await target.peer() };
      const send = await openWay(call, "indication");
      await assertNextAtClient(call, check(ANNS));
      await assertOpen(call, send);
      const sendToOther = (data: Uint8Array) => call.client.sendIndication(other.peer.address, data);
      await sendToOther(text("another port"));
      await assertNextAtPeer(other, sendToOther);
      const second = await target.client({ as: target.controls.member(ROOM, "ann") });
      const again = { ...call, client: second, relayed: await allocate(second) };
      const sendAgain = await openWay(again, "indication");
      await sendAgain(text("another allocation"));
      await assertNextAtPeer(again, sendAgain);
    },
  },
  {
    id: "room-passwords",
    title: "the passwords of the last three descriptions count, those of earlier ones no more",
    rfc: "DESIGN section 6, proven; issue 4",
    needs: ["inside"],
    async run(target) {
      const call = await annsCall(target);
      const send = await openWay(call, "indication");
      for (const restart of [1, 2, 3]) {
        const icePasswords = [
          `${ANNS}${restart}`,
          `${ANNS}${restart} of another medium`.replaceAll(" ", "-"),
        ];
        target.controls.signal(ROOM, "ann", "ben", { icePasswords });
        // A description that says the same again is no restart.
        target.controls.signal(ROOM, "ann", "ben", { icePasswords });
      }
      await assertNextAtClient(call, check(ANNS));
      await send(text("an old password"));
      await assertNextAtPeer(call, send);
      await assertNextAtClient(call, check(`${ANNS}1`));
      await assertOpen(call, send);
    },
  },
  {
    id: "room-known",
    title: "where another member's TURN requests come from, everything passes, to and from every port",
    rfc: "DESIGN section 6, known",
    needs: ["inside"],
    async run(target) {
      for (const way of WAYS) {
        const call = await annsCall(target, { claims: false });
        await assertRefusedAndKept(call.client, await call.client.createPermission(call.peer.address), 403);
        const as = target.controls.member(ROOM, `ben_${way}`);
        const ben = await target.client({ as, ip: call.peer.address });
        assertSuccess(await ben.bind(), "Binding");
        const refused = await call.client.createPermission(call.peer.address);
        await assertRefusedAndKept(call.client, refused, 403, "a Binding request has shown nothing");
        await allocate(ben);
        const send = await openWay(call, way);
        await assertOpen(call, send);
        target.controls.leave(ROOM, `ben_${way}`);
      }
    },
  },
  {
    id: "room-known-later",
    title: "a claimed address is open as soon as its member's TURN requests come from there",
    rfc: "DESIGN section 6, known",
    needs: ["inside"],
    async run(target) {
      const call = await annsCall(target);
      const send = await openWay(call, "channel");
      await send(text("too early"));
      await assertNextAtPeer(call, send);
      await allocate(await target.client({ as: target.controls.member(ROOM, "ben"), ip: call.peer.address }));
      await assertOpen(call, send);
    },
  },
  {
    id: "room-ipv6",
    title:
      "claimed, proven and refused are the same over IPv6; the family without a relayed address gets 443",
    rfc: "DESIGN section 6",
    needs: ["inside", "ipv6", "public"],
    async run(target) {
      const call = await annsCall(target, { family: 6 });
      const { client } = call;
      const stranger = await target.endpointAt({ ...call.peer.address, w3: 0x99 });
      await assertRefusedAndKept(client, await client.createPermission(stranger.address), 403);
      const ipv4 = await target.peer();
      await assertRefusedAndKept(client, await client.createPermission(ipv4.address), 443);
      const send = await openWay(call, "channel");
      await send(text("too early"));
      await assertNextAtPeer(call, send);
      await assertNextAtClient(call, check(ANNS));
      await assertOpen(call, send);
    },
  },
  {
    id: "room-inside",
    title: "inside the relay a member reaches the others of its room, neither itself nor another room",
    rfc: "DESIGN section 6, inside",
    needs: ["inside"],
    async run(target) {
      const ann = await memberClient(target, "ann");
      const [ben, again, eve] = [
        await memberClient(target, "ben"),
        await memberClient(target, "ann"),
        await memberClient(target, "eve", "red"),
      ];
      const before = target.controls.drops["other-room"];
      for (const one of [again, eve, ben]) {
        assertSuccess(await one.client.createPermission(ann.relayed), "CreatePermission");
        assertSuccess(await ann.client.createPermission(one.relayed), "CreatePermission");
        await ann.client.sendIndication(one.relayed, text("inside"));
        await one.client.sendIndication(ann.relayed, text("inside"));
      }
      assert.equal((await ben.client.data.take()).data.toString(), "inside");
      const { data, from } = await ann.client.data.take();
      assert.equal(data.toString(), "inside");
      assertSameAddress(from, ben.relayed);
      // What each has sent before is judged by then.
      for (const { client } of [again, eve]) assertSuccess(await client.refresh(), "Refresh");
      assert.deepEqual([again.client.data.pending, eve.client.data.pending], [[], []]);
      assert.equal(target.controls.drops["other-room"] - before, 4);
    },
  },
  {
    id: "room-member-leaves",
    title: "with a member go the permissions that others had for its addresses",
    rfc: "DESIGN section 6",
    needs: ["inside"],
    async run(target) {
      const call = await annsCall(target);
      const send = await openWay(call, "channel");
      await assertNextAtClient(call, check(ANNS));
      await assertOpen(call, send);
      const cleos = await target.peer({ host: 1 });
      target.controls.signal(ROOM, "cleo", "ann", { addresses: [formatIp(cleos.address)] });
      assertSuccess(await call.client.createPermission(cleos.address), "CreatePermission for another member");
      target.controls.leave(ROOM, "ben");
      const before = target.controls.drops["no-permission"];
      await send(text("too late"));
      await call.peer.send(call.relayed, check(ANNS));
      await call.client.sendIndication(cleos.address, check());
      await cleos.packets.take();
      await assertNextAtClient({ ...call, peer: cleos }, check());
      assert.deepEqual([call.peer.packets.pending, call.client.data.pending], [[], []]);
      assert.equal(target.controls.drops["no-permission"] - before, 2);
      const refused = await call.client.createPermission(call.peer.address);
      await assertRefusedAndKept(call.client, refused, 403);
    },
  },
  {
    id: "room-permission-ends",
    title: "the proof ends with the permission, and a refresh in time keeps it",
    rfc: "DESIGN section 6, proven; RFC 8656 section 9",
    needs: ["inside", "clock"],
    async run(target) {
      const call = await annsCall(target);
      const send = await openWay(call, "channel");
      await assertNextAtClient(call, check(ANNS));
      target.controls.advance(299);
      assertSuccess(await call.client.createPermission(call.peer.address), "CreatePermission again");
      target.controls.advance(299);
      await assertOpen(call, send);
      target.controls.advance(1);
      assertSuccess(await call.client.createPermission(call.peer.address), "CreatePermission, too late");
      await send(text("no longer"));
      await assertNextAtPeer(call, send);
    },
  },
  {
    id: "room-claim-budget",
    title:
      "an address that nobody proves gets 50 checks a second and 200 in all, whoever sends them, for an hour",
    rfc: "DESIGN section 6, claimed",
    needs: ["inside", "clock"],
    async run(target) {
      const { controls } = target;
      const { peer } = await annsCall(target);
      const other = { ...(await target.peer()) };
      let [arrived, sinceLastSeconds] = [0, 0];
      for (let attempt = 0; attempt < 12; attempt++) {
        const room = `room${attempt}`;
        controls.signal(room, "ben", "ann", { addresses: [formatIp(peer.address)], icePasswords: [BENS] });
        const { client } = await memberClient(target, "ann", room);
        assertSuccess(await client.createPermission(peer.address), "CreatePermission, whatever was sent");
        for (let sent = 0; sent < 60; sent++) {
          await client.sendIndication((sent % 2 === 0 ? peer : other).address, check(BENS));
        }
        assertSuccess(await client.refresh(), "Refresh");
        await delay(1);
        const now = peer.packets.drain().length + other.packets.drain().length;
        assert.ok(now <= 50, `${now} in a second`);
        arrived += now;
        sinceLastSeconds = now > 0 ? 1 : sinceLastSeconds + 1;
        controls.leave(room, "ann");
        controls.leave(room, "ben");
        controls.advance(1);
      }
      assert.equal(arrived, 200);
      controls.advance(3600 - sinceLastSeconds - 1);
      await assertSpent(await annsCall(target, { peer }));
      controls.advance(1);
      const late = await annsCall(target, { peer });
      await assertNextAtPeer(late, await openWay(late, "indication"));
    },
  },
];

/** By which data reaches the relay. */
const WAYS = ["indication", "channel"] as const;
type Way = (typeof WAYS)[number];
type Send = (data: Uint8Array) => Promise<void>;

interface Call {
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
  readonly peer: Peer;
}

const TOO_LONG = { type: 0x8022, value: new Uint8Array(1232) };
const BROKEN_FINGERPRINT = check(BENS).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte));
const NEVER_AT_ALL: readonly Uint8Array[] = [
  text("media"),
  new Uint8Array(0),
  new Uint8Array(20),
  binding("request", { password: BENS, method: 3 }),
  binding("indication", { method: 6 }),
  check(BENS).subarray(0, 40),
  Buffer.concat([check(BENS), text("more")]),
  BROKEN_FINGERPRINT,
];
const NEVER_TO_A_CLAIMED = [
  ...NEVER_AT_ALL,
  binding("indication"),
  binding("success", { password: BENS }),
  binding("error", { password: BENS }),
  binding("request", { attributes: [TOO_LONG] }),
];
const NEVER_FROM_A_CLAIMED = NEVER_AT_ALL;

/** Ann has an allocation; Ben, of the same room, says that he is at the peer's address. */
async function annsCall(
  target: Target,
  { claims = true, peer, ...place }: PlaceOptions & { claims?: boolean; peer?: Peer } = {},
): Promise<Call> {
  const bens = peer ?? (await target.peer(place));
  if (claims) {
    const addresses = [formatIp(bens.address)];
    target.controls.signal(ROOM, "ben", "ann", { addresses, icePasswords: [BENS] });
    target.controls.signal(ROOM, "ann", "ben", { icePasswords: [ANNS] });
  }
  return { ...(await memberClient(target, "ann", ROOM, place)), peer: bens };
}

async function memberClient(
  target: Target,
  peer: string,
  room = ROOM,
  place: PlaceOptions = {},
): Promise<Omit<Call, "peer">> {
  const client = await target.client({ ...place, as: target.controls.member(room, peer) });
  return { client, relayed: await allocate(client, { family: place.family ?? 4 }) };
}

/** Asks for permission, or for a channel; what sends to the peer then. */
async function openWay({ client, peer }: Call, way: Way): Promise<Send> {
  if (way === "indication") {
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    return (data) => client.sendIndication(peer.address, data);
  }
  assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
  return (data) => client.sendChannelData(CHANNEL, data);
}

/** A check is the next thing that arrives at the peer: what was sent before it did not. */
async function assertNextAtPeer({ peer, relayed }: Call, send: Send): Promise<void> {
  const marker = check(BENS);
  await send(marker);
  const packet = await peer.packets.take();
  assert.deepEqual(packet.data, Buffer.from(marker), "what should have been dropped");
  assertSameAddress(packet.from, relayed);
}

/** The packet is the next thing that arrives at the client. */
async function assertNextAtClient({ client, peer, relayed }: Call, packet: Uint8Array): Promise<void> {
  await peer.send(relayed, packet);
  const { data } = await client.data.take();
  assert.deepEqual(data, Buffer.from(packet), "what should have been dropped");
}

/** Anything goes, both ways. */
async function assertOpen(call: Call, send: Send): Promise<void> {
  await send(text("media"));
  assert.equal((await call.peer.packets.take()).data.toString(), "media");
  await assertNextAtClient(call, text("media"));
}

/** A check to an address whose budget is spent goes nowhere; that the relay has read it, the next answer shows. */
async function assertSpent(call: Call): Promise<void> {
  const { client, peer } = call;
  const send = await openWay(call, "indication");
  await send(check(BENS));
  assertSuccess(await client.refresh(), "Refresh");
  await delay(1);
  assert.deepEqual(peer.packets.pending, []);
}
