import assert from "node:assert/strict";
import { requestedTransportAttribute, uint32Attribute } from "../../../src/stun/attributes.ts";
import { NONCE_COOKIE, passwordAlgorithmsAttribute } from "../../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import type { TurnAnswer } from "../../support/turn-answer.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { type Authentication, appendAttribute, encodeRequest, keyOf } from "../../support/turn-request.ts";
import { allocate, assertRefused, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);
const OFFER = Buffer.from(passwordAlgorithmsAttribute(["sha256", "md5"]).value);
const RFC = "RFC 8489 section 9.2.4";

export const PASSWORD_ALGORITHM_RULES: readonly Rule[] = [
  {
    id: "password-algorithms-offered",
    title: "401 and 438 offer SHA-256 and MD5, and a nonce cookie whose bit says so",
    rfc: "RFC 8489 sections 9.2, 9.2.1 and 9.2.4",
    async run(target) {
      const client = await target.client();
      const answers = [
        await client.ask(METHOD.allocate, [UDP]),
        await allocateAs(client, { password: "wrong" }),
        await allocateAs(client, { nonce: "stale" }),
      ];
      assert.deepEqual(
        answers.map(({ outcome }) => outcome),
        [401, 401, 438],
      );
      for (const answer of answers) {
        assert.deepEqual(Buffer.from(answer.passwordAlgorithms ?? []), OFFER);
        assert.ok(answer.nonce?.startsWith(NONCE_COOKIE), answer.nonce);
      }
      assertSuccess(await client.allocate(), "Allocate");
    },
  },
  {
    id: "sha256-on-answers",
    title: "a client that chose SHA-256 finds MESSAGE-INTEGRITY-SHA256 in every answer: success and error",
    rfc: RFC,
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const sha256 = await client.withAlgorithm("sha256");
      const answers = [
        await client.request(METHOD.allocate, [], sha256), // 400
        await client.request(METHOD.refresh, [], sha256), // 437
        await allocateAs(client, sha256), // success
        await client.request(METHOD.createPermission, [], sha256), // 400
        await client.request(METHOD.refresh, [], sha256, { fingerprint: true }), // success
      ];
      assert.deepEqual(
        answers.map(({ outcome, integrity, isAuthentic }) => [outcome, integrity, isAuthentic]),
        [400, 437, "success", 400, "success"].map((outcome) => [outcome, "sha256", true]),
      );
      assert.equal(answers.at(-1)?.fingerprint, "right");
      assertSuccess(await client.createPermission(peer.address), "CreatePermission by MD5 and SHA-1");
    },
  },
  {
    id: "md5-chosen",
    title: "a client that chose MD5 from the offer is answered with MESSAGE-INTEGRITY-SHA256 under that key",
    rfc: RFC,
    async run(target) {
      const client = await target.client();
      const md5 = await client.withAlgorithm("md5");
      for (const integrity of ["sha256", "sha1", "both"] as const) {
        const answer = await client.request(METHOD.refresh, [], { ...md5, integrity });
        assert.deepEqual([answer.outcome, answer.integrity, answer.isAuthentic], [437, "sha256", true]);
      }
      assertSuccess(await allocateAs(client, md5), "Allocate");
    },
  },
  {
    id: "no-algorithm-chosen",
    title: "a client that knows nothing of the offer is served with MD5 and answered with MESSAGE-INTEGRITY",
    rfc: RFC,
    async run(target) {
      for (const integrity of ["sha1", "sha256", "both"] as const) {
        const client = await target.client();
        const answer = await allocateAs(client, { integrity });
        const seen = [answer.outcome, answer.integrity, answer.isAuthentic];
        assert.deepEqual(seen, ["success", "sha1", true], integrity);
      }
    },
  },
  {
    id: "password-algorithms-bid-down",
    title:
      "an offer that comes back changed, or without a choice from it, gets 400; so does a choice without it",
    rfc: "RFC 8489 sections 9.2.1 and 9.2.4",
    async run(target) {
      const client = await target.client();
      const sha256 = await client.withAlgorithm("sha256");
      const md5Only = passwordAlgorithmsAttribute(["md5"]).value;
      const reordered = passwordAlgorithmsAttribute(["md5", "sha256"]).value;
      const cases: readonly (readonly [string, Partial<Authentication>])[] = [
        ["SHA-256 taken out", { algorithm: "md5", passwordAlgorithms: md5Only }],
        ["reordered", { ...sha256, passwordAlgorithms: reordered }],
        ["emptied", { ...sha256, passwordAlgorithms: new Uint8Array() }],
        ["no choice", { ...sha256, omit: [ATTRIBUTE.passwordAlgorithm] }],
        ["no offer", { ...sha256, omit: [ATTRIBUTE.passwordAlgorithms] }],
      ];
      for (const [name, change] of cases) {
        const answer = await allocateAs(client, change);
        await assertRefused(client, answer, 400, name);
        assert.deepEqual(answer.attributeTypes, [ATTRIBUTE.errorCode]);
      }
      const unknown = uint32Attribute(ATTRIBUTE.passwordAlgorithm, 0x00030000);
      const change = { ...sha256, omit: [ATTRIBUTE.passwordAlgorithm] };
      await assertRefused(client, await client.request(METHOD.allocate, [UDP, unknown], change), 400);
      assertSuccess(await allocateAs(client, sha256), "Allocate with the offer as it was");
    },
  },
  {
    id: "sha256-wrong-key",
    title: "MESSAGE-INTEGRITY-SHA256 under a wrong password, or another algorithm's key, gets 401",
    rfc: RFC,
    async run(target) {
      const client = await target.client();
      const sha256 = await client.withAlgorithm("sha256");
      await assertRefused(client, await allocateAs(client, { ...sha256, password: "wrong" }), 401);
      const proof = await client.authentication(sha256);
      const swapped = { type: ATTRIBUTE.passwordAlgorithm, value: Buffer.from("00010000", "hex") };
      const omit = [ATTRIBUTE.passwordAlgorithm];
      const request = encodeRequest(METHOD.allocate, [UDP, swapped], { ...proof, omit });
      await assertRefused(client, await client.exchange(request), 401, "MD5 said, SHA-256 done");
      assertSuccess(await allocateAs(client, sha256), "Allocate");
    },
  },
  {
    id: "sha256-truncated",
    title: "MESSAGE-INTEGRITY-SHA256 of another length than 32 gets 401: TURN allows no truncation",
    rfc: "RFC 8489 section 14.6",
    async run(target) {
      const client = await target.client();
      const sha256 = await client.withAlgorithm("sha256");
      const whole = encodeRequest(METHOD.allocate, [UDP], await client.authentication(sha256));
      for (const length of [0, 16, 20, 28]) {
        const truncated = Buffer.from(whole.subarray(0, whole.length - 32 + length));
        truncated.writeUInt16BE(truncated.length - 20, 2);
        truncated.writeUInt16BE(length, whole.length - 34);
        await assertRefused(client, await client.exchange(truncated), 401, `${length} bytes`);
      }
      assertSuccess(await allocateAs(client, sha256), "Allocate");
    },
  },
  {
    id: "behind-sha256-ignored",
    title: "attributes behind MESSAGE-INTEGRITY-SHA256 are ignored",
    rfc: "RFC 8489 section 14.6",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication(await client.withAlgorithm("sha256"));
      const bare = appendAttribute(encodeRequest(METHOD.allocate, [], proof), UDP);
      await assertRefused(
        client,
        await client.exchange(bare, keyOf(proof)),
        400,
        "REQUESTED-TRANSPORT behind",
      );
      const whole = encodeRequest(METHOD.allocate, [UDP], proof);
      const answer = await client.exchange(appendAttribute(whole, uint32Attribute(0x7777, 1)), keyOf(proof));
      assertSuccess(answer, "Allocate with an unknown attribute behind");
    },
  },
  {
    id: "userhash",
    title: "USERHASH in the place of USERNAME authenticates; the hash of nobody gets 401",
    rfc: "RFC 8489 sections 9.2.4 and 14.4",
    async run(target) {
      const client = await target.client();
      const anonymous = { ...(await client.withAlgorithm("sha256")), isAnonymous: true };
      const nobody = await allocateAs(client, { ...anonymous, username: "nobody" });
      await assertRefused(client, nobody, 401);
      assert.ok(nobody.nonce !== undefined && nobody.passwordAlgorithms !== undefined);
      const elsewhere = await allocateAs(client, { ...anonymous, realm: "elsewhere.example" });
      await assertRefused(client, elsewhere, 401, "the hash in another realm");
      const short = { type: ATTRIBUTE.userhash, value: new Uint8Array(31) };
      const omit = [ATTRIBUTE.userhash];
      const cut = await client.request(METHOD.allocate, [UDP, short], { ...anonymous, omit });
      await assertRefused(client, cut, 401, "31 bytes");
      await assertRefused(client, await allocateAs(client, { ...anonymous, omit }), 400, "neither");
      assertSuccess(await allocateAs(client, anonymous), "Allocate");
      assertSuccess(await client.refresh(700), "Refresh under the name");
    },
  },
  {
    id: "sha256-rotated-secret",
    title: "after a change of secret a live allocation answers to its own key, under its own algorithm only",
    rfc: "DESIGN section 3, an allocation keeps its key",
    needs: ["inside"],
    async run(target) {
      const client = await target.client();
      const sha256 = await client.withAlgorithm("sha256");
      assertSuccess(await allocateAs(client, sha256), "Allocate");
      target.controls.rotatePasswords();
      assertSuccess(await client.request(METHOD.refresh, [], sha256), "Refresh with the old SHA-256 key");
      assert.equal((await client.refresh()).outcome, 401, "Refresh with the old MD5 key");
      const other = await target.client();
      await assertRefused(other, await other.allocate(), 401, "Allocate with the old password");
    },
  },
  {
    id: "sha256-and-md5-side-by-side",
    title: "clients of both kinds are served side by side, also on one allocation",
    rfc: RFC,
    async run(target) {
      const [modern, old] = [await target.client(), await target.client()];
      assertSuccess(await allocateAs(modern, await modern.withAlgorithm("sha256")), "Allocate, SHA-256");
      await allocate(old);
      assert.deepEqual(
        [(await old.refresh()).integrity, (await modern.refresh()).integrity],
        ["sha1", "sha1"],
      );
    },
  },
];

function allocateAs(client: TurnClient, change: Partial<Authentication>): Promise<TurnAnswer> {
  return client.request(METHOD.allocate, [UDP], change);
}
