import assert from "node:assert/strict";
import { uint32Attribute } from "../../../src/stun/attributes.ts";
import { encodeMessage } from "../../../src/stun/message.ts";
import { METHOD } from "../../../src/stun/registry.ts";
import { encodeRequest, newTransactionId } from "../../support/turn-request.ts";
import { assertRefused, assertSameAddress, assertSilence, assertSuccess } from "../checks.ts";
import type { Rule, Target } from "../target.ts";

/** Neither required type is known to anybody (RFC 8489 section 18.3.1 has them unassigned). */
const UNKNOWN_REQUIRED = [0x7777, 0x7001];
const UNKNOWN_OPTIONAL = 0xc777;

export const BINDING_RULES: readonly Rule[] = [
  {
    id: "binding-mapped-address",
    title: "a Binding success tells the client where its request came from",
    rfc: "RFC 8489 section 6.3.1",
    run: (target) => assertMappedAddress(target, 4),
  },
  {
    id: "binding-mapped-address-ipv6",
    title: "a Binding success tells the client where its request came from, over IPv6",
    rfc: "RFC 8489 section 6.3.1",
    needs: ["ipv6"],
    run: (target) => assertMappedAddress(target, 6),
  },
  {
    id: "binding-fingerprint",
    title: "a response has a FINGERPRINT if, and only if, its request had one",
    rfc: "RFC 8489 section 7",
    async run(target) {
      const client = await target.client();
      assert.equal((await client.bind()).fingerprint, "absent");
      assert.equal((await client.bind({ fingerprint: true })).fingerprint, "right");
    },
  },
  {
    id: "wrong-fingerprint-silent",
    title: "a message whose FINGERPRINT is wrong is not answered",
    rfc: "RFC 8489 section 6.3",
    async run(target) {
      const client = await target.client();
      for (const method of [METHOD.binding, METHOD.allocate]) {
        const request = encodeRequest(method, [], undefined, { fingerprint: true });
        request[request.length - 1] = (request.at(-1) ?? 0) ^ 1;
        await assertSilence(client, request);
      }
    },
  },
  {
    id: "binding-unknown-required",
    title: "unknown comprehension-required attributes are answered with 420, which names them",
    rfc: "RFC 8489 section 6.3.1",
    async run(target) {
      const client = await target.client();
      const unknown = UNKNOWN_REQUIRED.map((type) => uint32Attribute(type, 1));
      const answer = await client.ask(METHOD.binding, [...unknown, uint32Attribute(UNKNOWN_OPTIONAL, 1)]);
      await assertRefused(client, answer, 420);
      assert.deepEqual(answer.unknownAttributes, UNKNOWN_REQUIRED);
    },
  },
  {
    id: "binding-unknown-optional",
    title: "unknown comprehension-optional attributes are ignored",
    rfc: "RFC 8489 section 6.3",
    async run(target) {
      const client = await target.client();
      const answer = await client.ask(METHOD.binding, [uint32Attribute(UNKNOWN_OPTIONAL, 1)]);
      assertSuccess(answer, "a Binding request with an unknown optional attribute");
    },
  },
  {
    id: "indication-silent",
    title: "indications are never answered",
    rfc: "RFC 8489 section 6.3.2",
    async run(target) {
      const client = await target.client();
      const { allocate, refresh, createPermission, channelBind, binding, send, data } = METHOD;
      for (const method of [binding, allocate, refresh, send, data, createPermission, channelBind]) {
        await assertSilence(client, messageOf(method, "indication"));
      }
    },
  },
  {
    id: "response-silent",
    title: "responses that nobody waits for are not answered: two servers cannot be set on each other",
    rfc: "RFC 8489 section 6.3",
    async run(target) {
      const client = await target.client();
      for (const method of Object.values(METHOD)) {
        await assertSilence(client, messageOf(method, "success"), messageOf(method, "error"));
      }
    },
  },
  {
    id: "unknown-method-silent",
    title: "a request with a method that is not supported is not answered",
    rfc: "RFC 8489 section 6.3",
    async run(target) {
      const client = await target.client();
      // 0x002 was SharedSecret, 0x005 is unassigned, Send and Data are indications only, 0xfff is the last.
      for (const method of [0x000, 0x002, 0x005, METHOD.send, METHOD.data, 0x0ff, 0xfff]) {
        await assertSilence(client, messageOf(method, "request"));
      }
    },
  },
];

async function assertMappedAddress(target: Target, family: 4 | 6): Promise<void> {
  const client = await target.client({ family });
  const answer = await client.bind();
  assertSuccess(answer, "Binding");
  assertSameAddress(answer.mappedAddress, client.local);
}

function messageOf(method: number, messageClass: "request" | "indication" | "success" | "error"): Uint8Array {
  return encodeMessage({ method, messageClass, transactionId: newTransactionId() }, []);
}
