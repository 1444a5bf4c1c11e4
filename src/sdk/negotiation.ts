/**
 * Perfect negotiation over one RTCPeerConnection, as in the W3C's example (WebRTC 1.0, section 10.7): both sides may
 * offer at any time; where two offers meet, the polite side rolls its own back and the impolite side ignores the other's.
 *
 * One thing is added. When two members meet both have something to negotiate, so the very first offers would always
 * collide, and what the polite side gathered (relay allocations too) would be thrown away. So the polite side leaves the
 * first offer to the other for a moment; what it has to say is then part of its answer.
 */

import type { IceCandidate, SessionDescription } from "../signaling/protocol.ts";
import { DtlsRoles } from "./dtls-roles.ts";
import type { Environment, TimerId } from "./environment.ts";

const FIRST_OFFER_WAIT_MS = 1500;

export interface NegotiationObserver {
  /** Sends an offer or an answer to the other side. */
  sendDescription(description: SessionDescription): void;
  /** The browser refused something. */
  failed(what: string, error: unknown): void;
}

export class Negotiation {
  readonly #connection: RTCPeerConnection;
  /** Another one after the server was restarted: who joins first again is impolite. */
  polite: boolean;
  readonly #environment: Environment;
  readonly #observer: NegotiationObserver;
  #makingOffer = false;
  #ignoreOffer = false;
  #isSettingRemoteAnswerPending = false;
  #firstOfferTimer: TimerId | undefined;
  /** An offer went out or a description came in: the next offer is not the first. */
  #started = false;
  /** Our own offer is out, neither answered nor given up. */
  #awaitsAnswer = false;
  #sawRemoteDescription = false;
  readonly #dtlsRoles = new DtlsRoles();
  #offersTaken = 0;
  #applying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    connection: RTCPeerConnection,
    polite: boolean,
    environment: Environment,
    observer: NegotiationObserver,
  ) {
    this.#connection = connection;
    this.polite = polite;
    this.#environment = environment;
    this.#observer = observer;
    connection.onnegotiationneeded = () => this.#negotiationNeeded();
  }

  /** Takes an offer or an answer. False: ignored, like an offer that met our own when the other side gives way. */
  receiveDescription(description: SessionDescription): boolean {
    // An answer that nobody waits for is to an offer that gave way to another, or was repeated, or to one of a connection
    // that was replaced meanwhile.
    if (description.type === "answer" && !this.#awaitsAnswer) return false;
    const readyForOffer =
      !this.#makingOffer &&
      (this.#connection.signalingState === "stable" || this.#isSettingRemoteAnswerPending);
    const offerCollision = description.type === "offer" && !readyForOffer;
    this.#ignoreOffer = !this.polite && offerCollision;
    if (this.#ignoreOffer) return false;
    this.#started = true;
    if (description.type !== "pranswer") this.#awaitsAnswer = false;
    this.#sawRemoteDescription = true;
    this.#environment.clearTimeout(this.#firstOfferTimer);
    this.#applying = this.#apply(description);
    return true;
  }

  /** Adds a candidate of the other side; null: there are no more. Never rejects. */
  async receiveCandidate(candidate: IceCandidate | null): Promise<void> {
    // A candidate comes after its description, so this one belongs to a description that was not meant for this
    // connection, or was ignored.
    if (!this.#sawRemoteDescription) return;
    try {
      await this.#connection.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      if (!this.#ignoreOffer && !this.#closed) this.#observer.failed("a candidate of the other side", error);
    }
  }

  /** An offer that was not answered is sent again: whoever it was for may have been a page that is gone. */
  repeatOffer(): void {
    if (this.#awaitsAnswer) this.#sendLocalDescription();
  }

  /** Makes an offer though nothing has changed: the answer shows who is at the other end. */
  offerAgain(): void {
    if (this.#connection.signalingState === "stable" && !this.#makingOffer) void this.#offer();
  }

  /** The first offer does not wait for the other side's: it has a connection, and knows of nothing to negotiate. */
  offerAtOnce(): void {
    this.#started = true;
  }

  /**
   * Whether this is an offer that meets this connection's very first one, and the other side has the right of way.
   * Chromium does not get over the rollback of a first offer: often it gathers no candidate any more.
   */
  wouldRollBackFirst({ type }: SessionDescription): boolean {
    const isOffering = this.#makingOffer || this.#connection.signalingState === "have-local-offer";
    return type === "offer" && this.polite && !this.#sawRemoteDescription && isOffering;
  }

  /** Resolves when the answer to the last offer that was taken is out, or failed. */
  get answered(): Promise<void> {
    return this.#applying;
  }

  close(): void {
    this.#closed = true;
    this.#environment.clearTimeout(this.#firstOfferTimer);
    this.#connection.onnegotiationneeded = null;
  }

  #negotiationNeeded(): void {
    if (!this.polite || this.#started) {
      void this.#offer();
      return;
    }
    this.#firstOfferTimer ??= this.#environment.setTimeout(() => void this.#offer(), FIRST_OFFER_WAIT_MS);
  }

  async #offer(): Promise<void> {
    this.#started = true;
    try {
      this.#makingOffer = true;
      await this.#connection.setLocalDescription();
      this.#sendLocalDescription();
    } catch (error) {
      if (!this.#closed) this.#observer.failed("our own offer", error);
    } finally {
      this.#makingOffer = false;
    }
  }

  async #apply(description: SessionDescription): Promise<void> {
    const connection = this.#connection;
    this.#isSettingRemoteAnswerPending = description.type === "answer";
    if (description.type === "offer") this.#offersTaken++;
    const taken = this.#offersTaken;
    try {
      await connection.setRemoteDescription(this.#dtlsRoles.received(description));
      this.#isSettingRemoteAnswerPending = false;
      // An offer that another has overtaken is not answered: the browser would make an offer of its own instead.
      if (description.type !== "offer" || taken !== this.#offersTaken) return;
      await connection.setLocalDescription();
      this.#sendLocalDescription();
    } catch (error) {
      this.#isSettingRemoteAnswerPending = false;
      if (!this.#closed) this.#observer.failed(`the ${description.type} of the other side`, error);
    }
  }

  #sendLocalDescription(): void {
    const description = this.#connection.localDescription;
    if (description === null || this.#closed) return;
    this.#awaitsAnswer = description.type === "offer";
    const { type, sdp } = description;
    this.#observer.sendDescription(this.#dtlsRoles.sent({ type, sdp }));
  }
}
