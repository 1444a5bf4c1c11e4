import assert from "node:assert/strict";
import {
  evenPortAttribute,
  requestedTransportAttribute,
  uint32Attribute,
} from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { encodeRequest, type RequestOptions } from "../../support/turn-request.ts";
import { allocate, assertRefused, assertSuccess, text } from "../checks.ts";
import type { Rule, Target } from "../target.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);

export const LIMIT_RULES: readonly Rule[] = [
  {
    id: "quota-user",
    title:
      "a user has a quota of allocations: over it 486; another user is not touched; what has ended does not count",
    rfc: "RFC 8656 section 7.2, step 10",
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const [one, two, three] = [await target.client(), await target.client(), await target.client()];
      await allocate(one);
      await allocate(two);
      await assertRefused(three, await three.allocate(), 486);
      await allocate(await target.client({ as: target.bob }));
      assertSuccess(await one.refresh(0), "Refresh(0)");
      assertSuccess(await three.allocate(), "Allocate in the place of the one that ended");
    },
  },
  {
    id: "quota-at-once",
    title: "the quota holds for Allocates that come at once",
    rfc: "RFC 8656 section 7.2, step 10",
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const clients = await Promise.all(Array.from({ length: 8 }, () => target.client()));
      for (const client of clients) await client.authentication();
      const answers = await Promise.all(clients.map((client) => client.allocate()));
      const outcomes = answers.map(({ outcome }) => outcome).sort();
      assert.deepEqual(outcomes, [486, 486, 486, 486, 486, 486, "success", "success"]);
    },
  },
  {
    id: "quota-idle-replaced",
    title: "over the quota, an allocation that relayed nothing for 30 s is replaced; one that did is not",
    rfc: "DESIGN section 5, quotas",
    needs: ["clock"],
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const [idle, busy, peer] = [await target.client(), await target.client(), await target.peer()];
      await allocate(idle);
      await allocate(busy);
      assertSuccess(await busy.createPermission(peer.address), "CreatePermission");
      target.controls.advance(29);
      const early = await target.client();
      await assertRefused(early, await early.allocate(), 486, "after 29 s");
      await busy.sendIndication(peer.address, Buffer.from("busy"));
      target.controls.advance(1);
      assertSuccess(await early.allocate(), "after 30 s");
      assertSuccess(await busy.refresh(), "the busy one stays");
      await assertRefused(idle, await idle.refresh(), 437, "the idle one has gone");
    },
  },
  {
    id: "quota-idle-kept",
    title: "an idle allocation is not given up for an Allocate that gets 486 all the same",
    rfc: "DESIGN section 5, quotas",
    needs: ["clock"],
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const [idle, busy, peer] = [await target.client(), await target.client(), await target.peer()];
      await allocate(idle);
      await allocate(busy);
      assertSuccess(await busy.createPermission(peer.address), "CreatePermission");
      target.controls.advance(30);
      await busy.sendIndication(peer.address, Buffer.from("busy"));
      const third = await target.client();
      const two = await third.allocate({ attributes: [evenPortAttribute(true)] });
      await assertRefused(third, two, 486, "two ports where one could be had");
      assertSuccess(await idle.refresh(), "the idle one stays");
    },
  },
  {
    id: "quota-longest-idle",
    title: "the one that has been idle longest is replaced, also when it was made last",
    rfc: "DESIGN section 5, quotas",
    needs: ["clock"],
    settings: { maxAllocationsPerUser: 2 },
    async run(target) {
      const [older, newer, peer] = [await target.client(), await target.client(), await target.peer()];
      await allocate(older);
      target.controls.advance(5);
      await allocate(newer);
      assertSuccess(await older.createPermission(peer.address), "CreatePermission");
      target.controls.advance(5);
      await older.sendIndication(peer.address, text("once"));
      target.controls.advance(30);
      await allocate(await target.client());
      assertSuccess(await older.refresh(), "the one that carried something later stays");
      await assertRefused(newer, await newer.refresh(), 437, "the other one has gone");
    },
  },
  {
    id: "quota-ice-restart",
    title: "ICE restarts, each with an allocation more beside the one that carries media, go on without end",
    rfc: "DESIGN section 5, quotas",
    needs: ["clock"],
    settings: { maxAllocationsPerUser: 3 },
    async run(target) {
      const [media, peer] = [await target.client(), await target.peer()];
      await allocate(media);
      assertSuccess(await media.createPermission(peer.address), "CreatePermission");
      for (let restart = 0; restart < 10; restart++) {
        await allocate(await target.client());
        for (let second = 0; second < 15; second++) {
          await media.sendIndication(peer.address, text("media"));
          target.controls.advance(1);
        }
      }
      assertSuccess(await media.refresh(), "the one that carries media stays");
      assert.equal(target.controls.allocationCount, 3);
    },
  },
  {
    id: "quota-address-idle",
    title:
      "over the quota of an address, the user's own idle allocation there is replaced, never another user's",
    rfc: "DESIGN section 5, quotas",
    needs: ["clock"],
    settings: { maxAllocationsPerAddress: 2 },
    async run(target) {
      const [alices, bobs] = [await target.client(), await target.client({ as: target.bob })];
      const elsewhere = await target.client({ host: 1 });
      await allocate(elsewhere);
      await allocate(bobs);
      await allocate(alices);
      target.controls.advance(30);
      await allocate(await target.client());
      await assertRefused(alices, await alices.refresh(), 437, "Alice's idle one has gone");
      assertSuccess(await bobs.refresh(), "Bob's stays");
      assertSuccess(await elsewhere.refresh(), "so does Alice's from another address");
      const last = await target.client();
      await assertRefused(last, await last.allocate(), 486, "none of hers there is idle now");
    },
  },
  {
    id: "quota-address",
    title: "a client address has a quota of allocations, whoever it is; another address is not touched",
    rfc: "RFC 8656 section 7.2, step 10",
    settings: { maxAllocationsPerAddress: 2 },
    async run(target) {
      await allocate(await target.client());
      await allocate(await target.client({ as: target.bob }));
      const third = await target.client();
      await assertRefused(third, await third.allocate(), 486);
      await allocate(await target.client({ host: 1 }));
    },
  },
  {
    id: "capacity",
    title: "the relay has a bound on allocations: over it 508, until one has ended",
    rfc: "RFC 8656 section 7.2, step 8",
    settings: { maxAllocations: 2 },
    async run(target) {
      const [one, two] = [await target.client(), await target.client({ as: target.bob })];
      await allocate(one);
      await allocate(two);
      const third = await target.client({ host: 1 });
      await assertRefused(third, await third.allocate(), 508);
      assertSuccess(await one.refresh(0), "Refresh(0)");
      assertSuccess(await third.allocate(), "Allocate in the place of the one that ended");
    },
  },
  {
    id: "capacity-at-once",
    title: "the bound on allocations holds for Allocates that come at once",
    rfc: "RFC 8656 section 7.2, step 8",
    settings: { maxAllocations: 2 },
    async run(target) {
      const clients = await Promise.all(Array.from({ length: 6 }, () => target.client()));
      for (const client of clients) await client.authentication();
      const answers = await Promise.all(clients.map((client) => client.allocate()));
      assert.equal(answers.filter(({ isSuccess }) => isSuccess).length, 2);
      assert.equal(target.controls.allocationCount, 2);
    },
  },
  {
    id: "reflection-ipv4",
    title:
      "unauthenticated answers are small: Binding at most 1.4 bytes out per byte in, all others 2.5, over IPv4",
    rfc: "DESIGN section 5, reflection",
    needs: ["datagrams"],
    run: (target) => assertSmallAnswers(target, 4),
  },
  {
    id: "reflection-ipv6",
    title:
      "unauthenticated answers are small: Binding at most 1.4 bytes out per byte in, all others 2.5, over IPv6",
    rfc: "DESIGN section 5, reflection",
    needs: ["datagrams", "ipv6"],
    run: (target) => assertSmallAnswers(target, 6),
  },
  {
    id: "limiter",
    title:
      "a source has so many unauthenticated answers and no more; who authenticates is served, and so are others",
    rfc: "DESIGN section 5, reflection",
    needs: ["datagrams"],
    settings: { unauthenticatedBurst: 20, unauthenticatedPerSecond: 0.001 },
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const bare = [
        encodeRequest(METHOD.allocate, [UDP], undefined),
        encodeRequest(METHOD.binding, [], undefined),
      ];
      for (let i = 0; i < 40; i++) await client.sendRaw(bare[i % 2] as Uint8Array);
      assertSuccess(await client.refresh(), "Refresh with an empty bucket");
      // The challenge to its first Allocate was the first of the twenty.
      assert.equal(client.strays.length, 19);
      const other = await target.client({ host: 1 });
      assertSuccess(await other.bind(), "Binding from another source");
    },
  },
  {
    id: "limiter-refills",
    title: "the limit on unauthenticated answers refills with time",
    rfc: "DESIGN section 5, reflection",
    needs: ["clock"],
    settings: { unauthenticatedBurst: 5, unauthenticatedPerSecond: 2 },
    async run(target) {
      const client = await target.client();
      const ask = () => client.sendRaw(encodeRequest(METHOD.binding, [], undefined));
      for (let i = 0; i < 9; i++) await ask();
      assert.equal(client.strays.length, 5);
      target.controls.advance(1);
      for (let i = 0; i < 9; i++) await ask();
      assert.equal(client.strays.length, 7);
      target.controls.advance(3600);
      for (let i = 0; i < 9; i++) await ask();
      assert.equal(client.strays.length, 12, "the burst is the most there is");
    },
  },
];

/** Requests of somebody without credentials, and what each may bring at most: bytes out per byte in. */
function strangersRequests(realm: string): readonly {
  readonly name: string;
  readonly most: number;
  readonly encode: (options: RequestOptions) => Uint8Array;
}[] {
  const unknown = Array.from({ length: 30 }, (_, i) => uint32Attribute(0x7000 + i, 0));
  const forged = { username: "mallory", password: "guessed", realm, nonce: "forged" };
  const methods = ["binding", "allocate", "refresh", "createPermission", "channelBind"] as const;
  const bare = methods.map((name) => ({
    name: `a bare header of ${name}`,
    most: name === "binding" ? 1.4 : 2.5,
    encode: (options: RequestOptions) => encodeRequest(METHOD[name], [], undefined, options),
  }));
  return [
    ...bare,
    {
      name: "Binding with unknown attributes",
      most: 1.4,
      encode: (options) => encodeRequest(METHOD.binding, unknown, undefined, options),
    },
    {
      name: "Allocate",
      most: 2.5,
      encode: (options) => encodeRequest(METHOD.allocate, [UDP], undefined, options),
    },
    {
      name: "Allocate with a forged nonce",
      most: 2.5,
      encode: (options) => encodeRequest(METHOD.allocate, [UDP], forged, options),
    },
    {
      name: "Allocate with integrity and nothing else",
      most: 2.5,
      encode: (options) =>
        encodeRequest(
          METHOD.allocate,
          [UDP],
          { ...forged, omit: [ATTRIBUTE.username, ATTRIBUTE.realm, ATTRIBUTE.nonce] },
          options,
        ),
    },
  ];
}

/** IP and UDP headers are counted on both sides. */
async function assertSmallAnswers(target: Target, family: 4 | 6): Promise<void> {
  const client = await target.client({ family });
  const headers = (client.local.family === 4 ? 20 : 40) + 8;
  const { realm } = await client.authentication();
  for (const { name, most, encode } of strangersRequests(realm)) {
    for (const fingerprint of [false, true]) {
      const request = encode({ fingerprint });
      const answer = await client.exchange(request);
      const ratio = (answer.message.bytes.length + headers) / (request.length + headers);
      assert.ok(ratio <= most, `${name}: ${ratio.toFixed(2)} bytes out per byte in`);
    }
  }
}
