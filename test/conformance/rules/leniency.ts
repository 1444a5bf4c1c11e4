import assert from "node:assert/strict";
import {
  addressFamilyAttribute,
  evenPortAttribute,
  requestedTransportAttribute,
  uint32Attribute,
} from "../../../src/stun/attributes.ts";
import type { StunAttribute } from "../../../src/stun/message.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { peerAttribute } from "../../support/turn-client.ts";
import { encodeRequest, newTransactionId } from "../../support/turn-request.ts";
import { allocate, assertSuccess, text } from "../checks.ts";
import type { Rule } from "../target.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);

/** Known to every server, and expected in no request. */
const OF_ANSWERS: readonly StunAttribute[] = [
  ATTRIBUTE.mappedAddress,
  ATTRIBUTE.xorMappedAddress,
  ATTRIBUTE.errorCode,
  ATTRIBUTE.unknownAttributes,
  ATTRIBUTE.xorRelayedAddress,
].map((type) => ({ type, value: new Uint8Array(8) }));

export const LENIENCY_RULES: readonly Rule[] = [
  {
    id: "reserved-bits-of-allocate",
    title:
      "bits that are reserved in REQUESTED-TRANSPORT, REQUESTED-ADDRESS-FAMILY and EVEN-PORT are ignored",
    rfc: "RFC 8656 sections 18.6 to 18.8",
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [
        withBitsSet(UDP, 1),
        withBitsSet(addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 4), 1),
        { ...evenPortAttribute(false), value: Uint8Array.of(0x7f) },
      ]);
      assertSuccess(answer, "Allocate with reserved bits set");
      const { relayedAddress } = answer;
      assert.deepEqual([relayedAddress?.family, (relayedAddress?.port ?? 1) % 2], [4, 0]);
    },
  },
  {
    id: "reserved-bits-of-channel-bind",
    title: "bits that are reserved in CHANNEL-NUMBER and XOR-PEER-ADDRESS are ignored",
    rfc: "RFC 8656 section 18.1; RFC 8489 section 14.1",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      const transactionId = newTransactionId();
      const address = peerAttribute(peer.address, transactionId);
      const attributes = [
        uint32Attribute(ATTRIBUTE.channelNumber, 0x4000ffff),
        { ...address, value: Uint8Array.of(0xff, ...address.value.subarray(1)) },
      ];
      const answer = await client.request(METHOD.channelBind, attributes, {}, { transactionId });
      assertSuccess(answer, "ChannelBind with reserved bits set");
      await client.sendChannelData(0x4000, text("by channel"));
      assert.equal((await peer.packets.take()).data.toString(), "by channel");
    },
  },
  {
    id: "unexpected-ignored",
    title: "attributes that are known, but have no business in the request, are ignored",
    rfc: "RFC 8489 section 6.3",
    async run(target) {
      const client = await target.client();
      const { username, ...proof } = await client.authentication();
      const credentials = { ...proof, username: `${username} of nowhere` };
      const binding = encodeRequest(METHOD.binding, [...OF_ANSWERS, UDP], credentials);
      assertSuccess(
        await client.exchange(binding),
        "Binding with attributes of answers, and with credentials",
      );
      assertSuccess(await client.allocate({ attributes: OF_ANSWERS }), "Allocate with attributes of answers");
      const channel = uint32Attribute(ATTRIBUTE.channelNumber, 0x40000000);
      assertSuccess(await client.refresh(700, [UDP, channel]), "Refresh with attributes of others");
    },
  },
];

/** The bytes behind the first `keep` are all ones. */
function withBitsSet({ type, value }: StunAttribute, keep: number): StunAttribute {
  return { type, value: value.map((byte, index) => (index < keep ? byte : 0xff)) };
}
