/**
 * What this node says to the others and hears from them. It has no socket and no timer: whoever has them calls `receive` for each message
 * of the bus, `flush` after a wake-up, and `tick` a few times a second.
 */

import type { Entry, Passage, PassageClient } from "../signaling/directory.ts";
import type { RoomQuestion } from "../signaling/room-control.ts";
import { Guests, type ReceiveGuest } from "./guests.ts";
import {
  CHANNEL_LIMITS,
  type ChannelLimits,
  type Frame,
  NodeChannel,
  type Operation,
} from "./node-channel.ts";
import { Passages } from "./passages.ts";
import { Questions } from "./questions.ts";

export interface SwitchboardPorts {
  now(): number;
  /** May be lost. */
  publish(node: string, text: string): void;
  /** `flush` is wanted when what is going on now is done. */
  wakeSoon(): void;
  /** A connection that another node has. */
  readonly receiveGuest: ReceiveGuest;
  /** A question of another node about a room that lives here. */
  answer(question: RoomQuestion): unknown;
  /** All that was between this node and that one is over: guests, passages, questions. */
  peerEnded(node: string, why: PeerEnd): void;
  failed(error: unknown): void;
  /** Default: CHANNEL_LIMITS. */
  readonly channelLimits?: ChannelLimits;
}

/** Gone from the index; what waited for it was too much; or it has begun anew. */
export type PeerEnd = "gone" | "overflow" | "reset";

/** A frame of a channel, or the tag of a life that its receiver should end; after the sender's id. */
type BusMessage = readonly ["frame", string, Frame] | readonly ["reset", string, string];

class Peer {
  readonly channel: NodeChannel;
  readonly passages: Passages;
  readonly guests: Guests;
  readonly questions: Questions;

  readonly #node: string;
  readonly #ports: SwitchboardPorts;

  constructor(node: string, ports: SwitchboardPorts, publish: (frame: string) => void) {
    this.#node = node;
    this.#ports = ports;
    this.channel = new NodeChannel(
      {
        now: ports.now,
        publish,
        wake: ports.wakeSoon,
        received: (operation) => this.#received(operation),
        ended: (why) => this.end(why),
      },
      ports.channelLimits ?? CHANNEL_LIMITS,
    );
    this.passages = new Passages(this.channel, ports.now);
    this.guests = new Guests(this.channel, ports.receiveGuest);
    this.questions = new Questions(this.channel, ports.now, ports.answer);
  }

  end(why: PeerEnd): void {
    this.#ports.peerEnded(this.#node, why);
    this.passages.endAll();
    this.guests.endAll();
    this.questions.endAll();
  }

  /** What fails in one message is no reason to miss the next. */
  #received(operation: Operation): void {
    try {
      const isKnown = [this.passages, this.guests, this.questions].some((part) => part.receive(operation));
      if (!isKnown)
        this.#ports.failed(new Error(`another node says "${String(operation[0])}": is it newer?`));
    } catch (error) {
      this.#ports.failed(error);
    }
  }
}

export class Switchboard {
  readonly #nodeId: string;
  readonly #ports: SwitchboardPorts;
  readonly #peers = new Map<string, Peer>();

  constructor(nodeId: string, ports: SwitchboardPorts) {
    this.#nodeId = nodeId;
    this.#ports = ports;
  }

  /** Clients of ours whose rooms are elsewhere. */
  get passageCount(): number {
    return sum(this.#peers.values(), ({ passages }) => passages.size);
  }

  /** Every other node has taken all that was said to it. */
  get isIdle(): boolean {
    return [...this.#peers.values()].every(({ channel }) => channel.isIdle);
  }

  handOver(node: string, entry: Entry, client: PassageClient): Passage {
    return this.#peer(node).passages.open(entry, client);
  }

  /** Undefined: no answer came. */
  ask(node: string, question: RoomQuestion): Promise<unknown> {
    return this.#peer(node).questions.ask(question);
  }

  /** One message of the bus, for this node. Whoever writes to Redis may write nonsense. */
  receive(text: string): void {
    let message: BusMessage;
    try {
      message = JSON.parse(text) as BusMessage;
      const [kind, from, what] = message;
      if (typeof from !== "string") throw new Error("no sender");
      if (kind === "frame") this.#receiveFrame(from, what);
      else if (kind === "reset") this.#peers.get(from)?.channel.reset(what);
    } catch (error) {
      this.#ports.failed(new Error("a message of another node could not be read", { cause: error }));
    }
  }

  flush(): void {
    for (const { channel } of this.#peers.values()) channel.flush();
  }

  tick(): void {
    for (const { channel, passages, questions } of this.#peers.values()) {
      channel.tick();
      passages.tick();
      questions.tick();
    }
  }

  /** The bus is there again. */
  resend(): void {
    for (const { channel } of this.#peers.values()) channel.resend();
  }

  /** These nodes live; others are gone, unless they were heard since somebody began to count them. */
  keepOnly(nodes: ReadonlySet<string>, countingMs: number): void {
    for (const [node, peer] of this.#peers) {
      if (nodes.has(node) || this.#ports.now() < peer.channel.heardAtMs + countingMs) continue;
      this.#peers.delete(node);
      peer.end("gone");
    }
  }

  #receiveFrame(from: string, frame: Frame): void {
    const [theirs, mine] = frame;
    const isForALife = this.#peers.has(from) || mine === "";
    if (isForALife && this.#peer(from).channel.receive(frame)) return;
    this.#ports.publish(from, JSON.stringify(["reset", this.#nodeId, theirs] satisfies BusMessage));
  }

  #peer(node: string): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      const head = `["frame",${JSON.stringify(this.#nodeId)},`;
      peer = new Peer(node, this.#ports, (frame) => this.#ports.publish(node, `${head}${frame}]`));
      this.#peers.set(node, peer);
    }
    return peer;
  }
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
