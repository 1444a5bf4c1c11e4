/** The least that a TURN client needs: one allocation over UDP, to see who gets one and when it ends. */

import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import {
  readErrorCode,
  requestedTransportAttribute,
  textAttribute,
  uint32Attribute,
} from "../../src/stun/attributes.ts";
import {
  decodeMessage,
  encodeMessage,
  findAttribute,
  type StunAttribute,
  type StunMessage,
} from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";

const ANSWER_WITHIN_MS = 3000;

export class UdpTurnClient {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #username: string;
  readonly #password: string;
  #nonce: Uint8Array = new Uint8Array();
  #realm = "";

  constructor(port: number, credential: { readonly username: string; readonly password: string }) {
    this.#socket = createSocket("udp4");
    this.#port = port;
    this.#username = credential.username;
    this.#password = credential.password;
  }

  /** The error code of the answer to an authenticated Allocate; undefined for success. */
  async allocate(): Promise<number | undefined> {
    const attributes = [requestedTransportAttribute(PROTOCOL_UDP)];
    const challenge = await this.#ask(METHOD.allocate, attributes);
    this.#nonce = findAttribute(challenge, ATTRIBUTE.nonce) ?? this.#nonce;
    this.#realm = Buffer.from(findAttribute(challenge, ATTRIBUTE.realm) ?? []).toString();
    return codeOf(await this.#askSigned(METHOD.allocate, attributes));
  }

  /** The error code of the answer to a Refresh; 437 when there is no allocation. */
  async refresh(lifetimeSeconds: number): Promise<number | undefined> {
    return codeOf(
      await this.#askSigned(METHOD.refresh, [uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds)]),
    );
  }

  close(): void {
    this.#socket.close();
  }

  #askSigned(method: number, attributes: readonly StunAttribute[]): Promise<StunMessage> {
    const key = createHash("md5").update(`${this.#username}:${this.#realm}:${this.#password}`).digest();
    const identity = [
      textAttribute(ATTRIBUTE.username, this.#username),
      textAttribute(ATTRIBUTE.realm, this.#realm),
      { type: ATTRIBUTE.nonce, value: this.#nonce },
    ];
    return this.#ask(method, [...attributes, ...identity], key);
  }

  #ask(
    method: number,
    attributes: readonly StunAttribute[],
    integrityKey?: Uint8Array,
  ): Promise<StunMessage> {
    const transactionId = randomBytes(12);
    const request = encodeMessage({ method, messageClass: "request", transactionId }, attributes, {
      integrityKey,
    });
    return new Promise((resolve, reject) => {
      const bound = setTimeout(() => reject(new Error("no answer")), ANSWER_WITHIN_MS);
      this.#socket.once("message", (bytes) => {
        clearTimeout(bound);
        const decoded = decodeMessage(bytes);
        if (decoded.ok) resolve(decoded.message);
        else reject(new Error(decoded.reason));
      });
      this.#socket.send(request, this.#port, "127.0.0.1");
    });
  }
}

function codeOf(answer: StunMessage): number | undefined {
  const value = findAttribute(answer, ATTRIBUTE.errorCode);
  return value === undefined ? undefined : readErrorCode(value)?.code;
}
