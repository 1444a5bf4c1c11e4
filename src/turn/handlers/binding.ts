/** Binding: where a client's packets come from (RFC 8489 section 6.3), and how the NAT before it behaves (RFC 5780 section 6.1). */

import { addressAttribute, unknownAttributesAttribute, xorAddressAttribute } from "../../stun/attributes.ts";
import { bindingSuccess } from "../../stun/binding.ts";
import { encodeMessage, findAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import { failure } from "../answer.ts";
import { encodeAnswer } from "../encode-answer.ts";
import type { ClientLink, DiscoveryCorner } from "../ports.ts";
import { unknownAttributes } from "../unknown-attributes.ts";

/** What a Binding request is answered with, and how that leaves. */
export interface BindingReply {
  readonly bytes: Uint8Array;
  readonly errorCode: 400 | 420 | undefined;
  send(): void;
}

const CHANGE_IP = 0x04;
const CHANGE_PORT = 0x02;
/** PADDING is not among them: an answer as long as that would make a reflector. */
const OF_DISCOVERY: ReadonlySet<number> = new Set([ATTRIBUTE.changeRequest, ATTRIBUTE.responsePort]);

export function handleBinding(link: ClientLink, message: StunMessage): BindingReply {
  const { discovery } = link;
  const unknown = unknownAttributes(message).filter((type) => !discovery || !OF_DISCOVERY.has(type));
  if (unknown.length > 0) return refuse(link, message, 420, unknown);
  if (discovery !== undefined) return discover(discovery, link, message);
  const bytes = bindingSuccess(message, link.remote);
  return { bytes, errorCode: undefined, send: () => link.send(bytes) };
}

function refuse(link: ClientLink, message: StunMessage, code: 400 | 420, unknown: number[] = []) {
  const attributes = code === 420 ? [unknownAttributesAttribute(unknown)] : [];
  const bytes = encodeAnswer(message, failure(code, ...attributes), undefined);
  return { bytes, errorCode: code, send: () => link.send(bytes) };
}

function discover(corner: DiscoveryCorner, link: ClientLink, message: StunMessage): BindingReply {
  // CHANGE-REQUEST: the answer leaves from the other IP address, the other port, or both.
  const change = readChange(findAttribute(message, ATTRIBUTE.changeRequest));
  // RESPONSE-PORT: it goes to another port of the client, never to another address.
  const port = readPort(findAttribute(message, ATTRIBUTE.responsePort), link.remote.port);
  if (change === undefined || port === undefined) return refuse(link, message, 400);
  const origin = corner.neighbour((change & CHANGE_IP) !== 0, (change & CHANGE_PORT) !== 0);
  const { transactionId, method, fingerprintOffset } = message;
  const bytes = encodeMessage(
    { method, messageClass: "success", transactionId },
    [
      xorAddressAttribute(ATTRIBUTE.xorMappedAddress, link.remote, transactionId),
      addressAttribute(ATTRIBUTE.mappedAddress, link.remote),
      addressAttribute(ATTRIBUTE.responseOrigin, origin.address),
      addressAttribute(ATTRIBUTE.otherAddress, corner.neighbour(true, true).address),
    ],
    { fingerprint: fingerprintOffset >= 0 },
  );
  const to = { ...link.remote, port };
  return { bytes, errorCode: undefined, send: () => origin.send(bytes, to) };
}

/** Its flags; 0 where it is not there, undefined where it is malformed. */
function readChange(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return 0;
  return value.length === 4 ? value[3] : undefined;
}

/** Two bytes, and two more of padding or none. */
function readPort(value: Uint8Array | undefined, otherwise: number): number | undefined {
  if (value === undefined) return otherwise;
  const port = ((value[0] ?? 0) << 8) | (value[1] ?? 0);
  return (value.length === 2 || value.length === 4) && port !== 0 ? port : undefined;
}
