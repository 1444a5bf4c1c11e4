/** A small TURN client, for tests only: it can do what RFC 8656 says, and what it forbids. */

import { formatTransportAddress, type IpFamily, type TransportAddress } from "../../src/stun/address.ts";
import {
  addressFamilyAttribute,
  channelNumberAttribute,
  readIcmp,
  readXorAddress,
  requestedTransportAttribute,
  uint32Attribute,
  xorAddressAttribute,
} from "../../src/stun/attributes.ts";
import { decodeMessage, encodeMessage, findAttribute, type StunAttribute } from "../../src/stun/message.ts";
import type { PasswordAlgorithm } from "../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import type { PacketTransport } from "./endpoint.ts";
import { Mailbox } from "./mailbox.ts";
import { NoAnswerError } from "./no-answer.ts";
import { TurnAnswer } from "./turn-answer.ts";
import {
  type Authentication,
  type Credentials,
  encodeChannelData,
  encodeRequest,
  keyOf,
  newTransactionId,
  type RequestOptions,
} from "./turn-request.ts";

/** Data from a relay target. */
export interface RelayedData {
  /** Of a Data indication; undefined for ChannelData. */
  readonly from?: TransportAddress;
  /** Of ChannelData. */
  readonly channelNumber?: number;
  readonly data: Buffer;
  /** The whole packet. */
  readonly bytes: Uint8Array;
}

/** Of an ICMP error about a packet that was relayed. */
export interface RelayedIcmp {
  readonly target: string;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly errorData: number;
}

export interface AllocateOptions {
  readonly lifetimeSeconds?: number;
  readonly family?: IpFamily;
  /** ADDITIONAL-ADDRESS-FAMILY: an address of both families. */
  readonly isDual?: boolean;
  readonly attributes?: readonly StunAttribute[];
}

export class TurnClient {
  readonly #transport: PacketTransport;
  readonly #patienceMs: number;
  readonly #waiting = new Map<string, (bytes: Uint8Array) => void>();
  #nonce: string | undefined;
  #realm: string | undefined;
  /** As the last challenge had it. */
  passwordAlgorithms: Uint8Array | undefined;
  credentials: Credentials;
  /** From Data indications and ChannelData. */
  readonly data: Mailbox<RelayedData>;
  /** From Data indications that say what became of a packet. */
  readonly icmp: Mailbox<RelayedIcmp>;
  /** Packets that nobody asked for, neither answers nor data. */
  readonly strays: Uint8Array[] = [];

  constructor(transport: PacketTransport, credentials: Credentials, patienceMs = 3000) {
    this.#transport = transport;
    this.credentials = credentials;
    this.#patienceMs = patienceMs;
    this.data = new Mailbox("relayed data", patienceMs);
    this.icmp = new Mailbox("an ICMP error", patienceMs);
    transport.onPacket((bytes) => this.#receive(bytes));
  }

  get local(): TransportAddress {
    return this.#transport.local;
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  // ---- any bytes

  sendRaw(bytes: Uint8Array): Promise<void> {
    return this.#transport.send(bytes);
  }

  /** Bytes of a stream, wherever its frames begin and end. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    if (this.#transport.sendBytes === undefined) throw new Error("no stream transport");
    await this.#transport.sendBytes(bytes);
  }

  /** Sends a request and waits for its response; rejects with NoAnswerError. `key` is what the answer is verified with. */
  exchange(request: Uint8Array, key?: Uint8Array): Promise<TurnAnswer> {
    const answered = this.answerTo(request, key);
    return this.sendRaw(request).then(() => answered);
  }

  /** Waits for the response to a request that is sent otherwise. */
  answerTo(request: Uint8Array, key?: Uint8Array): Promise<TurnAnswer> {
    const id = transactionOf(request);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new NoAnswerError(`no answer within ${this.#patienceMs} ms`));
      }, this.#patienceMs);
      this.#waiting.set(id, (bytes) => {
        clearTimeout(timer);
        const decoded = decodeMessage(bytes);
        if (decoded.ok) resolve(new TurnAnswer(decoded.message, key));
        else reject(new Error(`an answer that is no STUN message: ${decoded.reason}`));
      });
    });
  }

  // ---- requests

  /** Asks without credentials, as a client's first request does. */
  ask(
    method: number,
    attributes: readonly StunAttribute[] = [],
    options?: RequestOptions,
  ): Promise<TurnAnswer> {
    return this.exchange(encodeRequest(method, attributes, undefined, options));
  }

  /** What the server's challenge and our credentials make; asks for the challenge at first. */
  async authentication(change: Partial<Authentication> = {}): Promise<Authentication> {
    if (this.#nonce === undefined) {
      this.#learn(await this.ask(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_UDP)]));
    }
    return { ...this.credentials, realm: this.#realm ?? "", nonce: this.#nonce ?? "", ...change };
  }

  /** Begins with what another connection to the same server has learned, as clients do (RFC 8489 section 9.2.5). */
  learnFrom(other: TurnClient): void {
    this.#nonce = other.#nonce;
    this.#realm = other.#realm;
  }

  /** What makes an authenticated request one of RFC 8489, with this algorithm. */
  async withAlgorithm(algorithm: PasswordAlgorithm): Promise<Partial<Authentication>> {
    await this.authentication();
    return { algorithm, passwordAlgorithms: this.passwordAlgorithms };
  }

  /** An authenticated request, with `change` in what authenticates it. No second try at an error. */
  async request(
    method: number,
    attributes: readonly StunAttribute[],
    change?: Partial<Authentication>,
    options?: RequestOptions,
  ): Promise<TurnAnswer> {
    const authentication = await this.authentication(change);
    const bytes = encodeRequest(method, attributes, authentication, options);
    const answer = await this.exchange(bytes, keyOf(authentication));
    this.#learn(answer);
    return answer;
  }

  bind(options?: RequestOptions): Promise<TurnAnswer> {
    return this.ask(METHOD.binding, [], options);
  }

  allocate(options: AllocateOptions = {}): Promise<TurnAnswer> {
    return this.request(METHOD.allocate, allocateAttributes(options));
  }

  refresh(lifetimeSeconds?: number, attributes: readonly StunAttribute[] = []): Promise<TurnAnswer> {
    const lifetime =
      lifetimeSeconds === undefined ? [] : [uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds)];
    return this.request(METHOD.refresh, [...lifetime, ...attributes]);
  }

  createPermission(...peers: readonly TransportAddress[]): Promise<TurnAnswer> {
    const transactionId = newTransactionId();
    const attributes = peers.map((peer) => peerAttribute(peer, transactionId));
    return this.request(METHOD.createPermission, attributes, {}, { transactionId });
  }

  channelBind(channelNumber: number, peer: TransportAddress): Promise<TurnAnswer> {
    const transactionId = newTransactionId();
    const attributes = [channelNumberAttribute(channelNumber), peerAttribute(peer, transactionId)];
    return this.request(METHOD.channelBind, attributes, {}, { transactionId });
  }

  // ---- data

  sendIndication(peer: TransportAddress, data: Uint8Array): Promise<void> {
    return this.indicate((transactionId) => [
      peerAttribute(peer, transactionId),
      { type: ATTRIBUTE.data, value: data },
    ]);
  }

  /** A Send indication with these attributes. */
  indicate(
    attributes: (transactionId: Uint8Array) => readonly StunAttribute[],
    method: number = METHOD.send,
  ): Promise<void> {
    const transactionId = newTransactionId();
    const head = { method, messageClass: "indication", transactionId } as const;
    return this.sendRaw(encodeMessage(head, attributes(transactionId)));
  }

  sendChannelData(channelNumber: number, data: Uint8Array, padding = 0): Promise<void> {
    return this.sendRaw(encodeChannelData(channelNumber, data, padding));
  }

  // ---- what comes in

  #learn(answer: TurnAnswer): void {
    this.#realm = answer.realm ?? this.#realm;
    this.#nonce = answer.nonce ?? this.#nonce;
    this.passwordAlgorithms = answer.passwordAlgorithms ?? this.passwordAlgorithms;
  }

  #receive(bytes: Uint8Array): void {
    const answered = bytes.length >= 20 ? this.#waiting.get(transactionOf(bytes)) : undefined;
    if (answered !== undefined) {
      this.#waiting.delete(transactionOf(bytes));
      return answered(bytes);
    }
    const data = readRelayedData(bytes);
    const icmp = readRelayedIcmp(bytes);
    if (data !== undefined) this.data.put(data);
    else if (icmp !== undefined) this.icmp.put(icmp);
    else this.strays.push(bytes);
  }
}

export function allocateAttributes({
  lifetimeSeconds,
  family,
  isDual = false,
  attributes = [],
}: AllocateOptions): StunAttribute[] {
  const list = [requestedTransportAttribute(PROTOCOL_UDP)];
  if (lifetimeSeconds !== undefined) list.push(uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds));
  if (family !== undefined) list.push(addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, family));
  if (isDual) list.push(addressFamilyAttribute(ATTRIBUTE.additionalAddressFamily, 6));
  return [...list, ...attributes];
}

export function peerAttribute(peer: TransportAddress, transactionId: Uint8Array): StunAttribute {
  return xorAddressAttribute(ATTRIBUTE.xorPeerAddress, peer, transactionId);
}

function transactionOf(message: Uint8Array): string {
  return Buffer.from(message.subarray(8, 20)).toString("hex");
}

function readRelayedData(bytes: Uint8Array): RelayedData | undefined {
  const packet = Buffer.from(bytes);
  const first = packet[0] ?? 0;
  if (first >= 0x40 && first <= 0x7f && packet.length >= 4) {
    const end = 4 + packet.readUInt16BE(2);
    if (end > packet.length) return undefined;
    return { channelNumber: packet.readUInt16BE(0), data: packet.subarray(4, end), bytes };
  }
  const decoded = decodeMessage(bytes);
  if (
    !decoded.ok ||
    decoded.message.method !== METHOD.data ||
    decoded.message.messageClass !== "indication"
  ) {
    return undefined;
  }
  const { message } = decoded;
  const data = findAttribute(message, ATTRIBUTE.data);
  const peer = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const from = peer && readXorAddress(peer, message.transactionId);
  return data === undefined || from === undefined ? undefined : { from, data: Buffer.from(data), bytes };
}

/** Without DATA, as RFC 8656 section 11.5 has it. */
function readRelayedIcmp(bytes: Uint8Array): RelayedIcmp | undefined {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok || decoded.message.method !== METHOD.data) return undefined;
  const { message } = decoded;
  const value = findAttribute(message, ATTRIBUTE.icmp);
  const peer = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  const target = peer && readXorAddress(peer, message.transactionId);
  const icmp = value && readIcmp(value);
  const isWhole = message.messageClass === "indication" && message.attributes.length === 2;
  return isWhole && target && icmp ? { target: formatTransportAddress(target), ...icmp } : undefined;
}
