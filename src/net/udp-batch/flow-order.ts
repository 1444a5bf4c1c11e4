/** What a thread is told of a flow that it carries: who, where to, and what it is taken from. */

import type { IpFamily, TransportAddress } from "../../stun/address.ts";
import type { Buckets } from "../../turn/bandwidth.ts";
import { TokenBucket } from "../../turn/token-bucket.ts";
import { ADDRESS_WORDS, addressWords, floatWords, NONE, ORDER, readAddress, readFloat } from "./records.ts";

/** A socket of the engine, whichever thread reads it. */
export interface SocketReference {
  readonly index: number;
  readonly descriptor: number;
  readonly family: IpFamily;
}

/** What reaches another client of this relay. */
export interface InsideOrder {
  /** The listener that it leaves by. */
  readonly socket: SocketReference;
  readonly client: TransportAddress;
  /** NONE: as Data indications. */
  readonly channel: number;
  /** The relayed address that it comes from. */
  readonly source: TransportAddress;
  readonly own: TokenBucket | undefined;
}

export interface FlowOrder {
  /** Of its cells. */
  readonly slot: number;
  /** That its client sends to. */
  readonly listener: SocketReference;
  readonly client: TransportAddress;
  /** NONE: Send and Data indications only. */
  readonly channel: number;
  readonly relay: SocketReference;
  readonly target: TransportAddress;
  readonly buckets: Buckets;
  readonly inside: InsideOrder | undefined;
}

const SOCKET_WORDS = 3;

function socketWords({ index, descriptor, family }: SocketReference): readonly number[] {
  return [index, descriptor, family];
}

function readSocket(words: Int32Array, at: number): SocketReference {
  const family = words[at + 2] === 4 ? 4 : 6;
  return { index: words[at] as number, descriptor: words[at + 1] as number, family };
}

/** index, tokens per second, burst */
const BUCKET_WORDS = 5;

function bucketWords(bucket: TokenBucket | undefined): readonly number[] {
  return bucket === undefined
    ? [NONE, 0, 0, 0, 0]
    : [bucket.cellIndex ?? NONE, ...floatWords(bucket.perSecond), ...floatWords(bucket.burst)];
}

function readBucket(cells: Float64Array, words: Int32Array, at: number): TokenBucket | undefined {
  const index = words[at] as number;
  return index === NONE
    ? undefined
    : new TokenBucket(readFloat(words, at + 1), readFloat(words, at + 3), cells, index);
}

/** Whether other threads may take from these buckets. */
export function areShared(...buckets: readonly (TokenBucket | undefined)[]): boolean {
  return buckets.every((bucket) => bucket === undefined || bucket.cellIndex !== undefined);
}

export function encodeFlowOrder(order: FlowOrder): readonly number[] {
  const { slot, listener, channel, relay, client, target, buckets, inside } = order;
  return [
    ORDER.openFlow,
    slot,
    channel,
    ...socketWords(listener),
    ...socketWords(relay),
    ...addressWords(client),
    ...addressWords(target),
    ...bucketWords(buckets.own),
    ...bucketWords(buckets.room),
    ...bucketWords(buckets.total),
    inside === undefined ? 0 : 1,
    ...(inside === undefined
      ? []
      : [
          inside.channel,
          ...socketWords(inside.socket),
          ...addressWords(inside.client),
          ...addressWords(inside.source),
          ...bucketWords(inside.own),
        ]),
  ];
}

/** From the words behind the kind of order. */
export function readFlowOrder(cells: Float64Array, words: Int32Array, at: number): FlowOrder {
  const socketsAt = at + 2;
  const clientAt = socketsAt + 2 * SOCKET_WORDS;
  const targetAt = clientAt + ADDRESS_WORDS;
  const bucketsAt = targetAt + ADDRESS_WORDS;
  const bucket = (index: number) => readBucket(cells, words, bucketsAt + index * BUCKET_WORDS);
  const insideAt = bucketsAt + 3 * BUCKET_WORDS;
  return {
    slot: words[at] as number,
    channel: words[at + 1] as number,
    listener: readSocket(words, socketsAt),
    relay: readSocket(words, socketsAt + SOCKET_WORDS),
    client: readAddress(words, clientAt),
    target: readAddress(words, targetAt),
    buckets: { own: bucket(0), room: bucket(1), total: bucket(2) },
    inside: words[insideAt] === 1 ? readInside(cells, words, insideAt + 1) : undefined,
  };
}

function readInside(cells: Float64Array, words: Int32Array, at: number): InsideOrder {
  const clientAt = at + 1 + SOCKET_WORDS;
  const sourceAt = clientAt + ADDRESS_WORDS;
  return {
    channel: words[at] as number,
    socket: readSocket(words, at + 1),
    client: readAddress(words, clientAt),
    source: readAddress(words, sourceAt),
    own: readBucket(cells, words, sourceAt + ADDRESS_WORDS),
  };
}
