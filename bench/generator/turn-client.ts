/** One TURN client: a socket, and at most one request in flight. It believes what it is answered: integrity is for the tests. */

import { randomBytes } from "node:crypto";
import type { IpAddress, TransportAddress } from "../../src/stun/address.ts";
import {
  channelNumberAttribute,
  readErrorCode,
  readText,
  readXorAddress,
  requestedTransportAttribute,
  textAttribute,
  uint32Attribute,
  xorAddressAttribute,
} from "../../src/stun/attributes.ts";
import { longTermKey } from "../../src/stun/integrity.ts";
import { decodeMessage, encodeMessage, findAttribute, type StunAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import type { GeneratorOptions } from "./options.ts";
import { openStreamSocket } from "./stream-socket.ts";
import type { Receive, Wire, WireSocket } from "./wire.ts";

export const CHANNEL = 0x4000;
export const TIMEOUT = -1;
const FIRST_RESEND_MS = 250;
const MAX_TRIES = 5;
const MAX_CHALLENGES = 3;

export type Step = "allocate" | "permit" | "bind" | "free";
const METHODS: Readonly<Record<Step, number>> = {
  allocate: METHOD.allocate,
  permit: METHOD.createPermission,
  bind: METHOD.channelBind,
  free: METHOD.refresh,
};

interface Challenge {
  readonly attributes: readonly StunAttribute[];
  readonly key: Uint8Array;
}

export class TurnClient {
  /** Where data goes that comes in. */
  onData: Receive = () => undefined;
  /** Of the allocation that the server holds for it; undefined: none. */
  relayed: TransportAddress | undefined;
  resent = 0;
  readonly #options: GeneratorOptions;
  readonly #wire: Wire;
  readonly #ip: IpAddress;
  #socket: WireSocket | undefined;
  #challenge: Challenge | undefined;
  #challenges = 0;
  #step: Step = "allocate";
  #peer: TransportAddress | undefined;
  /** Undefined: nothing is in flight. */
  #request: Uint8Array | undefined;
  #tries = 0;
  #dueMs = 0;
  #answered: (error: number) => void = () => undefined;

  constructor(options: GeneratorOptions, wire: Wire, ip: IpAddress) {
    this.#options = options;
    this.#wire = wire;
    this.#ip = ip;
  }

  /** Opens its socket; another one, on another port, where it has one. */
  async open(): Promise<void> {
    const old = this.#socket;
    const { transport, server } = this.#options;
    const receive: Receive = (bytes, start, end, port) => this.#receive(bytes, start, end, port);
    this.#socket =
      transport === "udp"
        ? await this.#wire.open(this.#ip, receive)
        : await openStreamSocket({ transport, server, from: this.#ip, receive });
    old?.close();
    this.relayed = undefined;
  }

  get socket(): WireSocket {
    if (this.#socket === undefined) throw new Error("the client is not open");
    return this.#socket;
  }

  /** The next request is one of a client that knows nothing yet. */
  forget(): void {
    this.#challenge = undefined;
  }

  /** `answered` hears 0 for success, else the STUN error code or TIMEOUT. `peer`: for "permit" and "bind". */
  request(step: Step, peer: TransportAddress | undefined, answered: (error: number) => void): void {
    this.#step = step;
    this.#peer = peer;
    this.#answered = answered;
    this.#challenges = 0;
    this.#start();
  }

  /** Sends again what was not answered in time. */
  resend(nowMs: number): void {
    if (this.#request === undefined || nowMs < this.#dueMs) return;
    if (this.#tries === MAX_TRIES) return this.#end(TIMEOUT);
    this.resent++;
    this.#transmit(this.#request);
  }

  #start(): void {
    const transactionId = randomBytes(12);
    const { attributes = [], key } = this.#challenge ?? {};
    this.#request = encodeMessage(
      { method: METHODS[this.#step], messageClass: "request", transactionId },
      [...this.#attributes(transactionId), ...attributes],
      { integrityKey: key },
    );
    this.#tries = 0;
    this.#transmit(this.#request);
  }

  #attributes(transactionId: Uint8Array): StunAttribute[] {
    if (this.#step === "allocate") return [requestedTransportAttribute(PROTOCOL_UDP)];
    if (this.#step === "free") return [uint32Attribute(ATTRIBUTE.lifetime, 0)];
    if (this.#peer === undefined) throw new Error("a permission needs a peer");
    const peer = xorAddressAttribute(ATTRIBUTE.xorPeerAddress, this.#peer, transactionId);
    return this.#step === "bind" ? [channelNumberAttribute(CHANNEL), peer] : [peer];
  }

  #transmit(request: Uint8Array): void {
    this.socket.send(this.#options.server, request);
    this.#dueMs = performance.now() + FIRST_RESEND_MS * 2 ** this.#tries++;
  }

  #receive(bytes: Buffer, start: number, end: number, port: number): void {
    const isAnswer = end - start >= 20 && ((bytes[start] as number) & 0xc1) === 0x01;
    if (!isAnswer) return this.onData(bytes, start, end, port);
    if (this.#request === undefined) return;
    if (bytes.compare(this.#request, 8, 20, start + 8, start + 20) !== 0) return;
    this.#take(bytes.subarray(start, end));
  }

  #take(answer: Uint8Array): void {
    const decoded = decodeMessage(answer);
    if (!decoded.ok) return;
    const { message } = decoded;
    if (message.messageClass === "success") {
      const relayed = findAttribute(message, ATTRIBUTE.xorRelayedAddress);
      if (this.#step === "allocate") this.relayed = relayed && readXorAddress(relayed, message.transactionId);
      if (this.#step === "free") this.relayed = undefined;
      return this.#end(0);
    }
    const value = findAttribute(message, ATTRIBUTE.errorCode);
    const code = (value && readErrorCode(value)?.code) ?? 500;
    const isChallenge = code === 438 || (code === 401 && this.#challenge === undefined);
    if (!isChallenge || this.#challenges++ === MAX_CHALLENGES) return this.#end(code);
    const realm = readText(findAttribute(message, ATTRIBUTE.realm) ?? new Uint8Array()) ?? "";
    const nonce = readText(findAttribute(message, ATTRIBUTE.nonce) ?? new Uint8Array()) ?? "";
    this.#challenge = this.#answerTo(realm, nonce);
    this.#start();
  }

  #answerTo(realm: string, nonce: string): Challenge {
    const { user, pass } = this.#options;
    return {
      attributes: [
        textAttribute(ATTRIBUTE.username, user),
        textAttribute(ATTRIBUTE.realm, realm),
        textAttribute(ATTRIBUTE.nonce, nonce),
      ],
      key: longTermKey(user, realm, pass),
    };
  }

  #end(error: number): void {
    this.#request = undefined;
    this.#answered(error);
  }
}
