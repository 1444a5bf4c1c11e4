/** Clients of one other node whose rooms are here: for the hub they are connections like others. */

import type { Entry, Guest, GuestLink, HandedBack } from "../signaling/directory.ts";
import type { ServerMessageBody } from "../signaling/protocol.ts";
import type { NodeChannel, Operation, Sender } from "./node-channel.ts";

export type ReceiveGuest = (link: GuestLink, entry: Entry) => Guest;

export class Guests {
  readonly #channel: NodeChannel;
  readonly #receive: ReceiveGuest;
  readonly #byId = new Map<number, RemoteSocket>();

  constructor(channel: NodeChannel, receive: ReceiveGuest) {
    this.#channel = channel;
    this.#receive = receive;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** False: it is none of theirs. What it concerns may be over here already. */
  receive([kind, id, ...rest]: Operation): boolean {
    if (kind === "enter") {
      const socket = new RemoteSocket(id, this.#channel, () => this.#byId.delete(id));
      this.#byId.set(id, socket);
      socket.guest = this.#receive(socket, rest[0] as Entry);
      return true;
    }
    return act(this.#byId.get(id), kind, rest[0]);
  }

  /** The other node, or all that it said, is gone: its clients have lost their sockets. */
  endAll(): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    for (const socket of all) socket.isOver = true;
    for (const socket of all) socket.guest?.closed();
  }
}

function act(socket: RemoteSocket | undefined, kind: string, value: unknown): boolean {
  switch (kind) {
    case "text":
      if (socket?.isBack) socket.bounce(value);
      else socket?.guest?.receiveText(value as string);
      return true;
    case "tell":
      if (socket?.isBack) socket.bounce(value);
      else socket?.guest?.tell(value as ServerMessageBody);
      return true;
    case "arrived":
      socket?.guest?.arrived(socket.sentFrames - (value as number));
      return true;
    case "abandon":
      socket?.end();
      socket?.guest?.abandon();
      return true;
    case "gone":
      socket?.gone();
      return true;
    default:
      return false;
  }
}

/** The socket that another node has, as the hub uses it. */
class RemoteSocket implements GuestLink, Sender {
  guest: Guest | undefined;
  waitingBytes = 0;
  sentFrames = 0;
  isOver = false;
  /** Handed back: what comes is sent back, until the other node knows. */
  isBack = false;
  readonly #id: number;
  readonly #channel: NodeChannel;
  readonly #forget: () => void;

  constructor(id: number, channel: NodeChannel, forget: () => void) {
    this.#id = id;
    this.#channel = channel;
    this.#forget = forget;
  }

  get bufferedBytes(): number {
    return this.waitingBytes;
  }

  entered(): void {
    this.#tell(["entered", this.#id]);
  }

  refuse(message: ServerMessageBody): void {
    this.#tell(["refused", this.#id, message]);
    this.end();
  }

  handBack(rest: HandedBack): void {
    this.#tell(["back", this.#id, rest]);
    this.isBack = true;
  }

  bounce(value: unknown): void {
    this.#tell(["bounce", this.#id, value]);
  }

  /** The other node has closed it, or knows that it was handed back. */
  gone(): void {
    if (this.isBack) this.#tell(["bye", this.#id]);
    this.end();
    if (!this.isBack) this.guest?.closed();
  }

  send(frame: string): void {
    this.sentFrames++;
    this.#tell(["frame", this.#id, frame]);
  }

  close(code: number, reason: string): void {
    this.#tell(["close", this.#id, code, reason]);
    this.end();
  }

  /** The node that has the socket does it. */
  ping(): void {}

  terminate(): void {
    this.#tell(["cut", this.#id]);
    this.end();
  }

  end(): void {
    this.isOver = true;
    this.#forget();
  }

  #tell(operation: Operation): void {
    if (!this.isOver) this.#channel.send(operation, this);
  }
}
