/** Another member of the call. */

import type { CallReport, IceCandidate, PeerInfo, SessionDescription } from "../signaling/protocol.ts";
import { isSamePath, type Path } from "./path.ts";
import { type IceServerError, type LinkObserver, type LinkOptions, PeerLink } from "./peer-link.ts";

/**
 * Another member, as an application sees it. The same object for as long as the member is in the room, and over a restart of the
 * server when the connection to it goes on.
 */
export interface Peer {
  /** The id that the server gave it, or gave it first, before it was restarted. */
  readonly id: string;
  readonly name: string | undefined;
  /** This side's role in perfect negotiation. */
  readonly polite: boolean;
  /** Its connection to the server dropped; the media may go on. */
  readonly away: boolean;
  readonly state: RTCPeerConnectionState;
  /** How the two are connected; undefined while they are not. */
  readonly path: Path | undefined;
  /** For all that the SDK has no word for. Another object after a page was loaded again, an ICE policy changed, or first offers met. */
  readonly connection: RTCPeerConnection;
  /** The data channel behind `call.send`, made with `{ negotiated: true, id: 0 }`. */
  readonly channel: RTCDataChannel;
}

export interface PeerObserver {
  send(message: { type: "offer" | "answer"; to: string; description: SessionDescription }): void;
  send(message: { type: "candidate"; to: string; candidate: IceCandidate | null }): void;
  report(report: CallReport): void;
  track(peer: Peer, event: RTCTrackEvent): void;
  stateChanged(peer: Peer, state: RTCPeerConnectionState): void;
  channelOpened(peer: Peer, channel: RTCDataChannel): void;
  message(peer: Peer, data: string | ArrayBuffer): void;
  pathChanged(peer: Peer, path: Path): void;
  iceServerError(peer: Peer, error: IceServerError): void;
  /** Over the connection it has told the id that it has in the room now: `introducedAs`. */
  introduced(peer: PeerSession): void;
  /** Its browser has closed the connection, or the connection has failed. */
  parted(peer: PeerSession): void;
  failed(what: string, error: unknown): void;
}

/** As the server bounds a report. */
const MAX_REPORTED_ERRORS = 16;

export class PeerSession implements Peer {
  readonly id: string;
  readonly name: string | undefined;
  polite: boolean;
  away = false;
  /** As the server knows it now; undefined when this side has another seat and has not met it again. */
  #info: PeerInfo | undefined;
  /** What it says that its id is. */
  introducedAs: string | undefined;
  path: Path | undefined;
  readonly #options: () => Omit<LinkOptions, "polite">;
  readonly #observer: PeerObserver;
  readonly #iceServerErrors: IceServerError[] = [];
  #link: PeerLink;
  /** Of the certificate in the other side's descriptions: each RTCPeerConnection has its own. */
  #remoteFingerprint: string | undefined;
  /** Of the connection that the replaced link had to: what still comes from there is to nobody. */
  #formerFingerprint: string | undefined;
  /** The ICE policy changed since the link was made. */
  #outdated = false;
  #reachable = true;
  #closed = false;
  /** Met again by what was said over the connection; no description has confirmed it. One does soon: the impolite side offers. */
  #isUnproven = false;

  constructor(info: PeerInfo, options: () => Omit<LinkOptions, "polite">, observer: PeerObserver) {
    this.id = info.peer;
    this.#info = info;
    this.name = info.name;
    this.polite = info.polite;
    this.#options = options;
    this.#observer = observer;
    this.#link = this.#newLink();
  }

  get info(): PeerInfo | undefined {
    return this.#info;
  }

  /** Its id in the room now. */
  get wireId(): string | undefined {
    return this.#info?.peer;
  }

  get connection(): RTCPeerConnection {
    return this.#link.connection;
  }

  get channel(): RTCDataChannel {
    return this.#link.channel;
  }

  get state(): RTCPeerConnectionState {
    return this.#link.connection.connectionState;
  }

  /** Whether this side could go on talking to it without the server. */
  get isAlive(): boolean {
    return this.#link.isAlive;
  }

  /** Whether a description is of the browser that this side is connected to. */
  isOf({ sdp }: SessionDescription): boolean {
    return this.#remoteFingerprint !== undefined && this.#remoteFingerprint === readFingerprint(sdp);
  }

  /** Whether a description shows that the one who was met again is somebody else. */
  isRefutedBy(description: SessionDescription): boolean {
    return this.#isUnproven && !this.isOf(description);
  }

  receiveDescription(description: SessionDescription): void {
    const fingerprint = readFingerprint(description.sdp);
    const before = this.#remoteFingerprint;
    this.#isUnproven = false;
    if (before === undefined && fingerprint !== undefined && fingerprint === this.#formerFingerprint) return;
    if (before !== undefined && fingerprint !== undefined && fingerprint !== before) {
      // The member's page was loaded again and took its seat back, or made a new connection for another ICE policy:
      // nothing of the old one is left there.
      this.#replaceLink();
      // An answer would be to an offer of the old link; the new one makes its own.
      if (description.type !== "offer") return;
    } else if (this.#link.wouldRollBackFirst(description)) {
      this.#replaceLink();
    }
    const taken = this.#link.receiveDescription(description);
    if (!taken || fingerprint === undefined) return;
    this.#remoteFingerprint = fingerprint;
    this.#renewWhenMet();
  }

  receiveCandidate(candidate: IceCandidate | null): void {
    this.#link.receiveCandidate(candidate);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    try {
      this.#link.connection.setConfiguration(configuration);
    } catch (error) {
      this.#observer.failed("the new configuration", error);
    }
  }

  restartIce(): void {
    this.#link.restarts.restart();
  }

  iceServersRenewed(): void {
    this.#link.restarts.serversRenewed();
  }

  /**
   * Makes a new connection, which the other side meets with one of its own. No less will do for another ICE policy:
   * Chromium keeps a pair that works, also when ICE restarts without the candidates that it is made of.
   */
  renew(): void {
    this.#outdated = true;
    this.#renewWhenMet();
  }

  /** Whether an offer sent now would be answered: both sides are connected to the server. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (reachable) this.#link.restarts.resume();
    else this.#link.restarts.hold();
  }

  /** The member has a new socket, on the same page or on one that was loaded again and knows nothing. */
  cameBack(): void {
    this.away = false;
    this.#link.repeatOffer();
    this.setReachable(true);
  }

  /** This side has another seat, and the server knows nothing of the other one. */
  lose(): void {
    this.#info = undefined;
    this.wentAway();
  }

  /** It is in the room again, under another id. */
  meet(info: PeerInfo): void {
    this.#info = info;
    this.introducedAs = undefined;
    this.polite = info.polite;
    this.#link.polite = info.polite;
    this.#isUnproven = true;
    this.cameBack();
    if (!this.polite) this.#link.offerAgain();
  }

  /** Tells the other browser this side's id. */
  introduce(id: string): void {
    this.#link.introductions.introduce(id);
  }

  wentAway(): void {
    this.away = true;
    this.setReachable(false);
  }

  /** False: the channel is not open. Throws what the channel throws. */
  send(data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean {
    const { channel } = this.#link;
    if (channel.readyState !== "open") return false;
    // The overloads of `send` know no union.
    channel.send(data as ArrayBuffer);
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#link.close();
  }

  #newLink(): PeerLink {
    return new PeerLink({ ...this.#options(), polite: this.polite }, this.#linkObserver());
  }

  /** Not before each side has a description of the other, by which it knows another connection for another. */
  #renewWhenMet(): void {
    if (!this.#outdated || this.#isUnproven || this.#remoteFingerprint === undefined) return;
    const link = this.#link;
    link.answered
      .then(() => {
        if (this.#closed || link !== this.#link) return;
        this.#replaceLink();
        this.#link.offerAtOnce();
      })
      .catch((error) => this.#observer.failed("a new connection", error));
  }

  #replaceLink(): void {
    this.#outdated = false;
    this.#link.close();
    this.path = undefined;
    this.#formerFingerprint = this.#remoteFingerprint ?? this.#formerFingerprint;
    this.#remoteFingerprint = undefined;
    this.#link = this.#newLink();
    if (!this.#reachable) this.#link.restarts.hold();
    this.#observer.stateChanged(this, this.state);
  }

  #linkObserver(): LinkObserver {
    const observer = this.#observer;
    // What is for a member who is not in the room is lost: the offer is repeated when it is met again.
    const send = (say: (to: string) => void) => {
      if (this.wireId !== undefined) say(this.wireId);
    };
    return {
      sendDescription: (description) =>
        send((to) => observer.send({ type: wireType(description), to, description })),
      sendCandidate: (candidate) => send((to) => observer.send({ type: "candidate", to, candidate })),
      stateChanged: (state) => this.#stateChanged(state),
      track: (event) => observer.track(this, event),
      channelOpened: (channel) => observer.channelOpened(this, channel),
      message: (data) => observer.message(this, data),
      pathSeen: (path) => this.#pathSeen(path),
      iceServerError: (error) => this.#iceServerError(error),
      introduced: (id) => {
        this.introducedAs = id;
        observer.introduced(this);
      },
      parted: () => observer.parted(this),
      failed: (what, error) => observer.failed(what, error),
    };
  }

  #stateChanged(state: RTCPeerConnectionState): void {
    if (state === "failed") this.path = undefined;
    // Whether the server answers shows whether it is the network that is gone.
    if (state === "failed" || state === "disconnected") this.#report(state);
    this.#observer.stateChanged(this, state);
    if (state === "failed") this.#observer.parted(this);
  }

  #pathSeen(path: Path): void {
    const before = this.path;
    this.path = path;
    if (!isSamePath(before, path)) this.#report("connected");
    else if (before?.roundTripTimeMs === path.roundTripTimeMs) return;
    this.#observer.pathChanged(this, path);
  }

  #iceServerError(error: IceServerError): void {
    if (this.#iceServerErrors.length < MAX_REPORTED_ERRORS) this.#iceServerErrors.push(error);
    this.#observer.iceServerError(this, error);
  }

  #report(state: "connected" | "disconnected" | "failed"): void {
    if (this.wireId === undefined) return;
    const errors = this.#iceServerErrors.splice(0);
    this.#observer.report({
      to: this.wireId,
      state,
      ...(this.path === undefined ? {} : reportedPath(this.path)),
      ...(errors.length === 0 ? {} : { errors }),
    });
  }
}

function reportedPath(path: Path): Partial<CallReport> {
  return {
    localCandidateType: path.local,
    remoteCandidateType: path.remote,
    ...(path.relayProtocol === undefined ? {} : { relayProtocol: path.relayProtocol }),
    ...(path.roundTripTimeMs === undefined ? {} : { roundTripTimeMs: path.roundTripTimeMs }),
  };
}

function wireType({ type }: SessionDescription): "offer" | "answer" {
  return type === "offer" ? "offer" : "answer";
}

/** From `a=fingerprint:sha-256 5F:8D:…` (RFC 8122 section 5). */
function readFingerprint(sdp: string | undefined): string | undefined {
  return /^a=fingerprint:(.+?)\s*$/m.exec(sdp ?? "")?.[1];
}
