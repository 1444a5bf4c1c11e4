import assert from "node:assert/strict";
import { requestedTransportAttribute, textAttribute, uint32Attribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import type { TurnAnswer } from "../../support/turn-answer.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { type Authentication, appendAttribute, encodeRequest, keyOf } from "../../support/turn-request.ts";
import { allocate, assertRefused, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";

const { username, realm, nonce, messageIntegrity, errorCode, software } = ATTRIBUTE;
const UDP = requestedTransportAttribute(PROTOCOL_UDP);

/** Names that every JavaScript object answers to, and what is found under them. */
const INHERITED: readonly (readonly [string, string])[] = [
  ["toString", "function toString() { [native code] }"],
  ["valueOf", "function valueOf() { [native code] }"],
  ["constructor", "function Object() { [native code] }"],
  ["hasOwnProperty", "function hasOwnProperty() { [native code] }"],
  ["__proto__", "[object Object]"],
  ["__proto__", "undefined"],
];

export const AUTHENTICATION_RULES: readonly Rule[] = [
  {
    id: "challenge",
    title: "a request without MESSAGE-INTEGRITY gets 401 with REALM and NONCE",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      for (const method of [METHOD.allocate, METHOD.refresh, METHOD.createPermission, METHOD.channelBind]) {
        const answer = await client.ask(method, [UDP]);
        // Without an allocation 437 would be an answer too, but it says something to somebody unknown.
        await assertRefused(client, answer, 401, `method ${method}`);
        assert.ok(answer.has(realm) && answer.has(nonce), "REALM and NONCE");
      }
    },
  },
  {
    id: "challenge-minimal",
    title: "the challenge has neither SOFTWARE nor USERNAME nor MESSAGE-INTEGRITY",
    rfc: "RFC 8489 section 9.2.4; DESIGN section 5, reflection",
    async run(target) {
      const answer = await (await target.client()).ask(METHOD.allocate, [UDP]);
      for (const type of [software, username, messageIntegrity]) assert.equal(answer.has(type), false);
    },
  },
  {
    id: "wrong-password",
    title: "a wrong password gets 401 with REALM and NONCE",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      const answer = await allocateAs(client, { password: "wrong" });
      await assertRefused(client, answer, 401);
      const types = answer.attributeTypes.filter((type) => type !== ATTRIBUTE.passwordAlgorithms);
      assert.deepEqual(types.sort(), [errorCode, realm, nonce].sort());
    },
  },
  {
    id: "unknown-user",
    title: "an unknown user gets the same 401 as a wrong password",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      const wrong = await allocateAs(client, { password: "wrong" });
      for (const name of ["nobody", "", "alice\u0000", "ALICE", "\ufeffalice", "alice:alice"]) {
        const answer = await allocateAs(client, { username: name });
        await assertRefused(client, answer, 401, JSON.stringify(name));
        assert.deepEqual(answer.attributeTypes, wrong.attributeTypes);
        assert.equal(answer.message.bytes.length, wrong.message.bytes.length);
      }
    },
  },
  {
    id: "inherited-names",
    title: "no user is called like a property that every object has",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      for (const [name, password] of INHERITED) {
        await assertRefused(client, await allocateAs(client, { username: name, password }), 401, name);
      }
    },
  },
  {
    id: "wrong-realm",
    title: "a realm that is not the server's gets 401",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      await assertRefused(client, await allocateAs(client, { realm: "elsewhere.example" }), 401);
    },
  },
  {
    id: "missing-attributes",
    title: "MESSAGE-INTEGRITY without USERNAME, REALM or NONCE gets 400, which has neither REALM nor NONCE",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      for (const type of [username, realm, nonce]) {
        const answer = await allocateAs(client, { omit: [type] });
        await assertRefused(client, answer, 400, `without attribute ${type}`);
        assert.deepEqual(answer.attributeTypes, [errorCode]);
      }
    },
  },
  {
    id: "malformed-username",
    title: "a USERNAME that is not UTF-8 does not authenticate",
    rfc: "RFC 8489 section 14.3",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication({ omit: [username] });
      const notUtf8 = { type: username, value: Uint8Array.of(0x61, 0xff, 0xfe) };
      const request = encodeRequest(METHOD.allocate, [UDP, notUtf8], proof);
      const answer = await client.exchange(request, keyOf(proof));
      assert.ok(answer.errorCode === 400 || answer.errorCode === 401);
      await assertRefused(client, answer, answer.errorCode);
    },
  },
  {
    id: "integrity-length",
    title: "a MESSAGE-INTEGRITY of another length than 20 does not verify",
    rfc: "RFC 8489 section 14.5",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const values = [textAttribute(username, proof.username), textAttribute(realm, proof.realm)];
      for (const length of [0, 19, 21, 32]) {
        const bare = encodeRequest(
          METHOD.allocate,
          [UDP, ...values, textAttribute(nonce, proof.nonce)],
          undefined,
        );
        const request = appendAttribute(bare, { type: messageIntegrity, value: new Uint8Array(length) });
        await assertRefused(client, await client.exchange(request), 401, `${length} bytes`);
      }
    },
  },
  {
    id: "stale-nonce-forged",
    title: "a nonce that the server never gave gets 438 with a fresh one, which is then accepted",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      const given = (await client.authentication()).nonce;
      const lastFlipped = given.slice(0, -1) + (given.endsWith("A") ? "B" : "A");
      for (const forged of ["forged", "x".repeat(128), `${given}A`, given.slice(1), lastFlipped]) {
        const answer = await allocateAs(client, { nonce: forged });
        await assertRefused(client, answer, 438, forged);
        assert.ok(answer.has(realm) && answer.has(nonce), "REALM and NONCE");
      }
      assertSuccess(await client.allocate(), "Allocate with the fresh nonce");
    },
  },
  {
    id: "stale-nonce-empty",
    title: "an empty nonce is a nonce that the server never gave: 438, not 400",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const client = await target.client();
      await assertRefused(client, await allocateAs(client, { nonce: "" }), 438);
      assertSuccess(await client.allocate(), "Allocate with the fresh nonce");
    },
  },
  {
    id: "stale-nonce-other-source",
    title: "a nonce is good for the address that it was given to, and no other",
    rfc: "RFC 8489 section 9.2; DESIGN section 3, stateless nonce",
    async run(target) {
      const [client, thief] = [await target.client(), await target.client()];
      const { nonce: given } = await client.authentication();
      await assertRefused(thief, await allocateAs(thief, { nonce: given }), 438);
      assertSuccess(await client.allocate(), "Allocate by whom the nonce was given to");
    },
  },
  {
    id: "stale-nonce-expired",
    title: "a nonce is good for an hour",
    rfc: "RFC 8656 section 5",
    needs: ["clock"],
    async run(target) {
      const client = await target.client();
      const { nonce: given } = await client.authentication();
      target.controls.advance(3599);
      assertSuccess(await client.allocate(), "Allocate within the hour");
      target.controls.advance(2);
      const answer = await client.request(METHOD.refresh, [], { nonce: given });
      assert.equal(answer.outcome, 438);
    },
  },
  {
    id: "integrity-on-answers",
    title:
      "every answer to an authenticated request carries a MESSAGE-INTEGRITY that verifies: success and error",
    rfc: "RFC 8489 section 9.2.4",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const answers: TurnAnswer[] = [
        await client.request(METHOD.allocate, []), // 400
        await client.request(METHOD.allocate, [requestedTransportAttribute(255)]), // 442
        await client.refresh(), // 437
        await client.allocate(), // success
        await client.allocate(), // 437
        await client.createPermission(), // 400
        await client.createPermission(peer.address), // success
        await client.channelBind(0x0001, peer.address), // 400
        await client.channelBind(0x4000, peer.address), // success
        await client.refresh(700), // success
        await client.refresh(0), // success
      ];
      const outcomes = [400, 442, 437, "success", 437, 400, "success", 400, "success", "success", "success"];
      assert.deepEqual(
        answers.map(({ outcome, isAuthentic }) => [outcome, isAuthentic]),
        outcomes.map((outcome) => [outcome, true]),
      );
    },
  },
  {
    id: "fingerprint-on-answers",
    title:
      "an authenticated answer has a right FINGERPRINT behind its MESSAGE-INTEGRITY if the request had one",
    rfc: "RFC 8489 section 7",
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [UDP], {}, { fingerprint: true });
      assertSuccess(answer, "Allocate with FINGERPRINT");
      assert.deepEqual([answer.isAuthentic, answer.fingerprint], [true, "right"]);
      assert.equal((await client.refresh()).fingerprint, "absent");
    },
  },
  {
    id: "behind-integrity-ignored",
    title: "attributes behind MESSAGE-INTEGRITY are ignored, known and unknown",
    rfc: "RFC 5389 section 15.4; RFC 8489 section 14.5",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const unproven = appendAttribute(encodeRequest(METHOD.allocate, [], proof), UDP);
      await assertRefused(
        client,
        await client.exchange(unproven, keyOf(proof)),
        400,
        "REQUESTED-TRANSPORT behind",
      );
      const withUnknown = appendAttribute(
        encodeRequest(METHOD.allocate, [UDP], proof),
        uint32Attribute(0x7777, 1),
      );
      assertSuccess(
        await client.exchange(withUnknown, keyOf(proof)),
        "Allocate with an unknown attribute behind",
      );
      const deletion = uint32Attribute(ATTRIBUTE.lifetime, 0);
      const refresh = appendAttribute(encodeRequest(METHOD.refresh, [], proof), deletion);
      const answer = await client.exchange(refresh, keyOf(proof));
      assert.equal(answer.lifetimeSeconds, 600, "LIFETIME 0 behind MESSAGE-INTEGRITY deletes nothing");
    },
  },
  {
    id: "unknown-required",
    title:
      "an authenticated request with an unknown comprehension-required attribute gets 420, which names it",
    rfc: "RFC 8489 section 6.3.1",
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [UDP, uint32Attribute(0x7777, 1)]);
      await assertRefused(client, answer, 420);
      assert.deepEqual([answer.unknownAttributes, answer.isAuthentic], [[0x7777], true]);
    },
  },
  {
    id: "unknown-optional",
    title: "an authenticated request with an unknown comprehension-optional attribute is done",
    rfc: "RFC 8489 section 6.3.1",
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [UDP, uint32Attribute(0xc777, 1)]);
      assertSuccess(answer, "Allocate with an unknown optional attribute");
    },
  },
  {
    id: "rotated-secret",
    title:
      "after a change of secret a live allocation answers to its own key, and a new Allocate to the new one only",
    rfc: "DESIGN section 3, an allocation keeps its key",
    needs: ["inside"],
    async run(target) {
      const [client, late] = [await target.client(), await target.client()];
      const peer = await target.peer();
      await allocate(client);
      target.controls.rotatePasswords();
      assertSuccess(await client.refresh(900), "Refresh with the old key");
      assertSuccess(await client.createPermission(peer.address), "CreatePermission with the old key");
      await assertRefused(late, await late.allocate(), 401, "Allocate with the old key");
      assertSuccess(await client.refresh(0), "Refresh(0) with the old key");
      await assertRefused(client, await client.allocate(), 401, "the old key ends with the allocation");
    },
  },
  {
    id: "expired-credential",
    title: "an expired credential makes no allocation, and keeps a live one",
    rfc: "DESIGN section 5, expiry",
    needs: ["inside"],
    async run(target) {
      const [client, late] = [await target.client(), await target.client()];
      await allocate(client);
      target.controls.expireCredentials();
      assertSuccess(await client.refresh(900), "Refresh of a live allocation");
      await assertRefused(late, await late.allocate(), 401, "Allocate with an expired credential");
    },
  },
  {
    id: "expired-credential-and-allocation",
    title:
      "an allocation whose lifetime is over vouches for nobody, swept or not: an expired credential gets 401",
    rfc: "DESIGN section 5, expiry",
    needs: ["inside", "clock"],
    async run(target) {
      const client = await target.client();
      await allocate(client);
      target.controls.expireCredentials();
      target.controls.advance(600);
      await assertRefused(client, await client.allocate(), 401);
      assert.equal(target.controls.allocationCount, 0);
    },
  },
];

function allocateAs(client: TurnClient, change: Partial<Authentication>): Promise<TurnAnswer> {
  return client.request(METHOD.allocate, [UDP], change);
}
