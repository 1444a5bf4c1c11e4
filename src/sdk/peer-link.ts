/** One RTCPeerConnection to one member, with all that belongs to it; closed as a whole. */

import type { IceCandidate, SessionDescription } from "../signaling/protocol.ts";
import type { Environment } from "./environment.ts";
import { IceRestarts } from "./ice-restarts.ts";
import { type IntroductionObserver, Introductions } from "./introductions.ts";
import type { LocalMedia } from "./local-media.ts";
import { Negotiation, type NegotiationObserver } from "./negotiation.ts";
import type { Path } from "./path.ts";
import { PathWatch } from "./path-watch.ts";

/** One failure to reach a STUN or TURN server, as the browser tells it (`icecandidateerror`). */
export interface IceServerError {
  readonly code: number;
  readonly url: string;
  readonly text: string;
}

export interface LinkObserver extends NegotiationObserver, IntroductionObserver {
  sendCandidate(candidate: IceCandidate | null): void;
  stateChanged(state: RTCPeerConnectionState): void;
  track(event: RTCTrackEvent): void;
  channelOpened(channel: RTCDataChannel): void;
  message(data: string | ArrayBuffer): void;
  pathSeen(path: Path): void;
  iceServerError(error: IceServerError): void;
}

export interface LinkOptions {
  readonly environment: Environment;
  readonly configuration: RTCConfiguration;
  readonly polite: boolean;
  readonly media: LocalMedia;
}

/** Both sides make the channel with the same id, so that none has to be announced (`negotiated`). */
const CHANNEL_LABEL = "turnpike";
const CHANNEL_ID = 0;
/** The bounds of one text in a report. */
const MAX_TEXT = 512;

export class PeerLink {
  readonly connection: RTCPeerConnection;
  readonly channel: RTCDataChannel;
  readonly restarts: IceRestarts;
  readonly introductions: Introductions;
  readonly #negotiation: Negotiation;
  readonly #pathWatch: PathWatch;

  constructor({ environment, configuration, polite, media }: LinkOptions, observer: LinkObserver) {
    const connection = environment.createPeerConnection(configuration);
    this.connection = connection;
    this.#negotiation = new Negotiation(connection, polite, environment, observer);
    this.#pathWatch = new PathWatch(connection, environment, (path) => observer.pathSeen(path));
    this.restarts = new IceRestarts(connection, environment);
    this.channel = connection.createDataChannel(CHANNEL_LABEL, { negotiated: true, id: CHANNEL_ID });
    this.introductions = new Introductions(connection, observer);
    this.#listen(observer);
    media.attach(connection);
  }

  /** Whether the two browsers can talk to each other without the server. */
  get isAlive(): boolean {
    return this.connection.connectionState === "connected" && this.introductions.isOpen;
  }

  set polite(polite: boolean) {
    this.#negotiation.polite = polite;
  }

  /** False: ignored, as perfect negotiation wants it. */
  receiveDescription(description: SessionDescription): boolean {
    return this.#negotiation.receiveDescription(description);
  }

  repeatOffer(): void {
    this.#negotiation.repeatOffer();
  }

  offerAgain(): void {
    this.#negotiation.offerAgain();
  }

  offerAtOnce(): void {
    this.#negotiation.offerAtOnce();
  }

  wouldRollBackFirst(description: SessionDescription): boolean {
    return this.#negotiation.wouldRollBackFirst(description);
  }

  /** Resolves when the other side waits for no answer of this link. */
  get answered(): Promise<void> {
    return this.#negotiation.answered;
  }

  receiveCandidate(candidate: IceCandidate | null): void {
    void this.#negotiation.receiveCandidate(candidate);
  }

  close(): void {
    this.#negotiation.close();
    this.#pathWatch.stop();
    this.restarts.close();
    this.introductions.close();
    const { connection, channel } = this;
    connection.onicecandidate = null;
    connection.onicecandidateerror = null;
    connection.oniceconnectionstatechange = null;
    connection.onconnectionstatechange = null;
    connection.ontrack = null;
    channel.onopen = null;
    channel.onmessage = null;
    connection.close();
  }

  #listen(observer: LinkObserver): void {
    const { connection, channel } = this;
    connection.onicecandidate = ({ candidate }) => observer.sendCandidate(candidate?.toJSON() ?? null);
    connection.onicecandidateerror = (event) => observer.iceServerError(readIceServerError(event));
    connection.oniceconnectionstatechange = () => this.restarts.stateChanged(connection.iceConnectionState);
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "connected") this.#pathWatch.start();
      else this.#pathWatch.stop();
      observer.stateChanged(connection.connectionState);
    };
    connection.ontrack = (event) => observer.track(event);
    channel.binaryType = "arraybuffer";
    channel.onopen = () => observer.channelOpened(channel);
    channel.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => observer.message(data);
  }
}

function readIceServerError(event: RTCPeerConnectionIceErrorEvent): IceServerError {
  const { errorCode: code, url, errorText: text } = event;
  return { code, url: (url ?? "").slice(0, MAX_TEXT), text: (text ?? "").slice(0, MAX_TEXT) };
}
