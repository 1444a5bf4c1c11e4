/** Our clients' ways to rooms at one other node. */

import type { Entry, HandedBack, Passage, PassageClient } from "../signaling/directory.ts";
import type { ServerMessageBody } from "../signaling/protocol.ts";
import type { NodeChannel, Operation, Sender } from "./node-channel.ts";

/** RFC 6455's registry: "Service Restart". */
const CLOSE_SERVICE_RESTART = 1012;
/** A join is answered within two seconds: what is left of them for another node, whose own look into Redis is in it. */
const ENTRY_TIMEOUT_MS = 1000;

export class Passages {
  readonly #channel: NodeChannel;
  readonly #now: () => number;
  readonly #byId = new Map<number, ClientPassage>();
  /** In the order in which they came. */
  readonly #entering = new Map<ClientPassage, number>();
  #lastId = 0;

  constructor(channel: NodeChannel, now: () => number) {
    this.#channel = channel;
    this.#now = now;
  }

  get size(): number {
    return this.#byId.size;
  }

  open(entry: Entry, client: PassageClient): Passage {
    const id = ++this.#lastId;
    const { ref } = entry.message;
    const passage = new ClientPassage({
      ...{ id, ref, client, channel: this.#channel },
      forget: () => this.#forget(passage),
    });
    this.#byId.set(id, passage);
    this.#entering.set(passage, this.#now() + ENTRY_TIMEOUT_MS);
    this.#channel.send(["enter", id, entry], passage);
    return passage;
  }

  /** False: it is none of ours. What it concerns may be over here already. */
  receive([kind, id, ...rest]: Operation): boolean {
    if (!isForPassage(kind)) return false;
    const passage = this.#byId.get(id);
    if (kind === "entered" && passage !== undefined) this.#entering.delete(passage);
    passage?.receive(kind, rest);
    return true;
  }

  /** Gives up entries that were not answered in time. */
  tick(): void {
    for (const [passage, untilMs] of this.#entering) {
      if (this.#now() < untilMs) return;
      passage.giveUp();
    }
  }

  /** The other node, or all that was said to it, is gone. */
  endAll(): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    this.#entering.clear();
    for (const passage of all) passage.isOver = true;
    for (const passage of all) passage.lost();
  }

  #forget(passage: ClientPassage): void {
    this.#byId.delete(passage.id);
    this.#entering.delete(passage);
  }
}

const KINDS = ["entered", "refused", "frame", "back", "bounce", "bye", "close", "cut"] as const;
type Kind = (typeof KINDS)[number];

function isForPassage(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

interface PassageOptions {
  readonly id: number;
  /** Of the join that it begins with. */
  readonly ref: number;
  readonly channel: NodeChannel;
  readonly client: PassageClient;
  readonly forget: () => void;
}

class ClientPassage implements Passage, Sender {
  readonly id: number;
  waitingBytes = 0;
  isOver = false;
  readonly #options: PassageOptions;
  readonly #client: PassageClient;
  #isEntering = true;
  /** The seat has ended there; what was on its way is coming back. */
  #returning: HandedBack | undefined;
  /** What the client said since. */
  readonly #late: (string | ServerMessageBody)[] = [];
  #arrived = 0;

  constructor(options: PassageOptions) {
    this.id = options.id;
    this.#options = options;
    this.#client = options.client;
  }

  text(text: string): void {
    if (this.#returning === undefined) return this.#send(["text", this.id, text]);
    this.#late.push(text);
    this.waitingBytes += text.length;
  }

  tell(message: ServerMessageBody): void {
    if (this.#returning === undefined) this.#send(["tell", this.id, message]);
    else this.#late.push(message);
  }

  arrived(frames: number): void {
    if (frames <= this.#arrived) return;
    this.#arrived = frames;
    this.#send(["arrived", this.id, frames]);
  }

  closed(): void {
    if (this.isOver) return;
    this.#send(["gone", this.id]);
    this.#end();
  }

  receive(kind: Kind, rest: readonly unknown[]): void {
    switch (kind) {
      case "entered":
        this.#isEntering = false;
        return this.#client.entered();
      case "frame":
        return this.#client.frame(rest[0] as string);
      case "back":
        this.#returning = rest[0] as HandedBack;
        return this.#send(["gone", this.id]);
      case "bounce":
        return this.#bounced(rest[0] as string | ServerMessageBody);
      case "bye":
        return this.#cameBack();
      case "refused":
        this.#end();
        return this.#client.refused(rest[0] as ServerMessageBody);
      case "close":
        this.#end();
        return this.#client.close(rest[0] as number, rest[1] as string);
      case "cut":
        this.#end();
        return this.#client.cut();
    }
  }

  #bounced(one: string | ServerMessageBody): void {
    const { lastSeq = 0, lastRef = 0, unread = [] } = this.#returning ?? {};
    this.#returning = { lastSeq, lastRef, unread: [...unread, one] };
  }

  #cameBack(): void {
    const { lastSeq = 0, lastRef = 0, unread = [] } = this.#returning ?? {};
    this.#end();
    this.#client.handedBack({ lastSeq, lastRef, unread: [...unread, ...this.#late] });
  }

  giveUp(): void {
    this.#send(["abandon", this.id]);
    this.#end();
    this.lost();
  }

  lost(): void {
    if (!this.#isEntering)
      return this.#client.close(CLOSE_SERVICE_RESTART, "the server of this room is gone");
    const message = "the server of this room cannot be reached now; try again";
    this.#client.refused({ type: "error", ref: this.#options.ref, code: "unavailable", message });
  }

  #send(operation: Operation): void {
    if (!this.isOver) this.#options.channel.send(operation, this);
  }

  #end(): void {
    this.isOver = true;
    this.#options.forget();
  }
}
