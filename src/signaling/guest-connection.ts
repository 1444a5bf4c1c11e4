/**
 * A client whose socket is at another node and whose room is here, or was when that node asked. It goes the ways of every connection; what
 * is different is its beginning and its end: it is let in or refused, and when its seat ends, it goes back.
 */

import { ClientConnection } from "./connection.ts";
import { dismiss } from "./departures.ts";
import type { Entry, Guest, GuestLink, HandedBack } from "./directory.ts";
import { type HubState, settle } from "./hub-state.ts";
import type { ServerMessageBody } from "./protocol.ts";

export class GuestConnection extends ClientConnection implements Guest {
  readonly #link: GuestLink;
  /** Neither let in nor refused yet. */
  #isEntering = true;

  /** It is counted, weighed and pinged where its socket is. */
  constructor(state: HubState, link: GuestLink, { info, message, lastSeq, hops }: Entry) {
    super(state, link, info, false, { lastSeq, lastRef: message.ref, hops });
    this.#link = link;
  }

  protected override register(): void {
    this.state.guests.add(this);
  }

  protected override unregister(): void {
    this.state.guests.delete(this);
  }

  protected override beat(): void {}

  // ---- what the node tells that has the socket

  tell(message: ServerMessageBody): void {
    this.send(message);
    settle(this.state);
  }

  arrived(missing: number): void {
    this.confirmAllBut(missing);
  }

  abandon(): void {
    const { seat } = this;
    if (seat !== undefined) dismiss(this.state, seat, "timeout");
    this.closed();
  }

  // ---- coming and going

  /** The first word to one that was not let in is why. */
  override send(message: ServerMessageBody): void {
    if (!this.#isEntering) return super.send(message);
    this.#link.refuse(message);
    this.end();
  }

  protected override letIn(): void {
    if (this.#isEntering) this.#link.entered();
    this.#isEntering = false;
  }

  override vacate(): void {
    super.vacate();
    this.state.vacated.push(this);
  }

  override comeBack(rest: HandedBack): void {
    super.comeBack({ ...rest, unread: [] });
    this.goBack(rest.unread);
  }

  /** Where a guest without a seat goes next, the node finds out that has its socket. */
  goBack(unread: HandedBack["unread"] = []): void {
    const rest = this.withdraw();
    if (rest !== undefined) this.#link.handBack({ ...rest, unread });
  }
}
