/**
 * What a client with good credentials and bad intentions sends: requests whose parts are wrong and whose integrity is right, right
 * ones that were damaged on the way, data of every kind. The same packets for the same seed, proof and peers.
 */

import type { TransportAddress } from "../../src/stun/address.ts";
import {
  addressFamilyAttribute,
  channelNumberAttribute,
  evenPortAttribute,
  requestedTransportAttribute,
  uint32Attribute,
} from "../../src/stun/attributes.ts";
import { appendIntegrity, integrityBytes } from "../../src/stun/integrity.ts";
import { encodeMessage, type StunAttribute } from "../../src/stun/message.ts";
import { passwordAlgorithmsAttribute } from "../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, HEADER_BYTES, MAGIC_COOKIE, METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import { CHANNEL_DATA_HEADER_BYTES } from "../../src/turn/channel-data.ts";
import { Mutator } from "./mutator.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { peerAttribute } from "./turn-client.ts";
import { type Authentication, encodeChannelData, encodeRequest, keyOf } from "./turn-request.ts";

const CHANNELS = [0x3fff, 0x4000, 0x4001, 0x4002, 0x4fff, 0x5000, 0x7fff, 0x8000];
const LIFETIMES = [0, 1, 600, 3600, 0xffffffff];
const METHODS = [
  METHOD.allocate,
  METHOD.allocate,
  METHOD.refresh,
  METHOD.createPermission,
  METHOD.channelBind,
];
const OTHER_METHODS = [METHOD.binding, METHOD.send, METHOD.data, 0x00a, 0xfff];
const TYPES = [...Object.values(ATTRIBUTE), 0x7fff, 0x8fff];
const PASSWORD_ALGORITHMS = passwordAlgorithmsAttribute(["sha256", "md5"]).value;
const PROOF_TYPES = [ATTRIBUTE.username, ATTRIBUTE.realm, ATTRIBUTE.nonce, ATTRIBUTE.passwordAlgorithm];

export class HostilePackets {
  readonly #random: SeededRandom;
  readonly #proof: Authentication;
  readonly #peers: readonly TransportAddress[];
  readonly #right: readonly Uint8Array[];
  readonly #mutator: Mutator;
  #last: Uint8Array;

  constructor(random: SeededRandom, proof: Authentication, peers: readonly TransportAddress[]) {
    this.#random = random;
    this.#proof = proof;
    this.#peers = peers;
    this.#right = this.#rightPackets();
    this.#mutator = new Mutator(random, this.#right);
    this.#last = this.allocate();
  }

  /** A right Allocate. */
  allocate(): Uint8Array {
    return encodeRequest(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_UDP)], this.#proof, {
      transactionId: this.#random.bytes(12),
    });
  }

  next(): Uint8Array {
    // A packet that comes twice is what it was.
    if (this.#random.once(12)) return this.#last;
    this.#last = this.#make();
    return this.#last;
  }

  /** The same for a stream: as a frame, so that what follows is another one. */
  nextFrame(): Uint8Array {
    return framed(this.next());
  }

  #make(): Uint8Array {
    switch (this.#random.below(10)) {
      case 0:
        return this.#random.pick(this.#right);
      case 1:
      case 2:
      case 3:
        return this.#mutator.next();
      case 4:
        return this.#damagedAndSigned();
      case 5:
        return this.#channelData();
      case 6:
        return this.#sendIndication();
      default:
        return this.#forged();
    }
  }

  // ---- requests

  /** Some attributes are wrong, the proof mostly right. */
  #forged(): Uint8Array {
    const transactionId = this.#random.bytes(12);
    const method = this.#random.once(20) ? this.#random.pick(OTHER_METHODS) : this.#random.pick(METHODS);
    const attributes = this.#attributesOf(method, transactionId);
    for (let n = this.#random.below(4); n > 0; n--) this.#spoil(attributes, transactionId);
    const options = { transactionId, fingerprint: this.#random.once(4) };
    return encodeRequest(method, attributes, this.#someProof(), options);
  }

  #attributesOf(method: number, transactionId: Uint8Array): StunAttribute[] {
    const peer = () => peerAttribute(this.#random.pick(this.#peers), transactionId);
    switch (method) {
      case METHOD.allocate:
        return [requestedTransportAttribute(PROTOCOL_UDP), this.#someAttribute(transactionId)];
      case METHOD.refresh:
        return [uint32Attribute(ATTRIBUTE.lifetime, this.#random.pick(LIFETIMES))];
      case METHOD.createPermission:
        return [peer(), peer()].slice(this.#random.below(2));
      case METHOD.channelBind:
        return [channelNumberAttribute(this.#random.pick(CHANNELS)), peer()];
      default:
        return [peer()];
    }
  }

  /** What a request may carry, with a value that may be right. */
  #someAttribute(transactionId: Uint8Array): StunAttribute {
    const random = this.#random;
    const family = random.pick([4, 6] as const);
    return random.pick<() => StunAttribute>([
      () => uint32Attribute(ATTRIBUTE.lifetime, random.pick(LIFETIMES)),
      () => channelNumberAttribute(random.pick(CHANNELS)),
      () => requestedTransportAttribute(random.pick([PROTOCOL_UDP, 6, 0])),
      () => evenPortAttribute(random.once(8)),
      () => addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, family),
      () => addressFamilyAttribute(ATTRIBUTE.additionalAddressFamily, family),
      () => peerAttribute(random.pick(this.#peers), transactionId),
      () => ({ type: random.pick(TYPES), value: random.bytes(random.below(24)) }),
    ])();
  }

  #spoil(attributes: StunAttribute[], transactionId: Uint8Array): void {
    const random = this.#random;
    const at = random.below(attributes.length);
    const attribute = attributes[at];
    if (attribute === undefined || random.once(4)) {
      attributes.splice(at, 0, this.#someAttribute(transactionId));
      return;
    }
    const { type, value } = attribute;
    switch (random.below(6)) {
      case 0:
        return void attributes.splice(at, 1);
      case 1:
        return void attributes.push(attribute);
      case 2:
        return void attributes.reverse();
      case 3:
        return void attributes.splice(at, 1, { type: random.pick(TYPES), value });
      case 4:
        return void attributes.splice(at, 1, { type, value: value.subarray(0, random.below(value.length)) });
      default: {
        // Once in a while more than any message may have.
        const count = random.once(16) ? 70 : 1;
        for (let n = 0; n < count; n++) attributes.push({ type, value: random.bytes(random.below(12)) });
      }
    }
  }

  #someProof(): Authentication | undefined {
    const proof = this.#proof;
    const modern = { ...proof, passwordAlgorithms: PASSWORD_ALGORITHMS };
    switch (this.#random.below(16)) {
      case 0:
        return undefined;
      case 1:
        return { ...proof, password: "wrong" };
      case 2:
        return { ...proof, omit: [this.#random.pick(PROOF_TYPES)] };
      case 3:
        return { ...proof, nonce: `${proof.nonce.slice(0, -1)}!` };
      case 4:
        return { ...modern, algorithm: this.#random.pick(["sha256", "md5"] as const) };
      case 5:
        return { ...modern, algorithm: "sha256", integrity: "both", isAnonymous: true };
      default:
        return proof;
    }
  }

  /** Damaged by somebody who has the key: the integrity is right for what is there. */
  #damagedAndSigned(): Uint8Array {
    const right = this.#random.pick(this.#right);
    const key = keyOf(this.#proof);
    const end = Math.max(HEADER_BYTES, (right.length - integrityBytes("sha1")) & ~3);
    const message = Buffer.alloc(end + integrityBytes("sha1"));
    message.set(right.subarray(0, end));
    for (let n = 1 + this.#random.below(3); n > 0 && end > HEADER_BYTES; n--) {
      message[HEADER_BYTES + this.#random.below(end - HEADER_BYTES)] = this.#random.below(256);
    }
    message.writeUInt16BE(message.length - HEADER_BYTES, 2);
    appendIntegrity("sha1", message, end, key);
    return message;
  }

  // ---- data

  #channelData(): Uint8Array {
    const data = this.#random.bytes(this.#random.below(48));
    const frame = Buffer.from(encodeChannelData(this.#random.pick(CHANNELS), data, this.#random.below(4)));
    if (this.#random.once(4)) frame.writeUInt16BE(this.#random.below(this.#random.once(4) ? 0x10000 : 64), 2);
    return frame;
  }

  #sendIndication(): Uint8Array {
    const transactionId = this.#random.bytes(12);
    const attributes: StunAttribute[] = [
      peerAttribute(this.#random.pick(this.#peers), transactionId),
      { type: ATTRIBUTE.data, value: this.#random.bytes(this.#random.below(48)) },
    ];
    if (this.#random.once(4)) this.#spoil(attributes, transactionId);
    return encodeMessage({ method: METHOD.send, messageClass: "indication", transactionId }, attributes);
  }

  /** One of each kind, signed once. */
  #rightPackets(): Uint8Array[] {
    const methods = [...METHODS, METHOD.binding];
    const requests = methods.map((method) => {
      const transactionId = this.#random.bytes(12);
      const attributes = method === METHOD.binding ? [] : this.#attributesOf(method, transactionId);
      return encodeRequest(method, attributes, this.#proof, { transactionId });
    });
    return [this.allocate(), ...requests, this.#channelData(), this.#sendIndication()];
  }
}

/** The packet with the length, and of a STUN message the cookie, that make it one frame of a stream. */
export function framed(packet: Uint8Array): Uint8Array {
  const isChannelData = ((packet[0] ?? 0) & 0x40) !== 0;
  const headerBytes = isChannelData ? CHANNEL_DATA_HEADER_BYTES : HEADER_BYTES;
  const bytes = Math.max(headerBytes, packet.length);
  const frame = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  frame.set(packet);
  frame[0] = (frame[0] ?? 0) & 0x7f;
  if (isChannelData) frame.writeUInt16BE(bytes - headerBytes, 2);
  else {
    frame.writeUInt16BE(frame.length - headerBytes, 2);
    frame.writeUInt32BE(MAGIC_COOKIE, 4);
  }
  return frame;
}
