/**
 * An RTCPeerConnection without a network: its signaling states, negotiation-needed events, rollback and operations chain
 * are those of WebRTC 1.0 sections 4.3 and 4.7; what it would transport is moved by the test.
 */

import { vi } from "vitest";

let nextId = 1;

export class FakeSender {
  track: MediaStreamTrack | null;

  constructor(track: MediaStreamTrack) {
    this.track = track;
  }

  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    this.track = track;
  }
}

export class FakeChannel {
  readyState: RTCDataChannelState = "connecting";
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: unknown[] = [];
  /** Where what is sent arrives. Undefined: it is lost. */
  #other: FakeChannel | undefined;

  send(data: unknown): void {
    if (data === "too much") throw new TypeError("the channel is full");
    this.sent.push(data);
    const other = this.#other;
    queueMicrotask(() => other?.onmessage?.({ data }));
  }

  open(): void {
    this.readyState = "open";
    this.onopen?.();
  }

  get leadsSomewhere(): boolean {
    return this.#other !== undefined;
  }

  /** `undefined`: the way to the other side is gone, and nobody is told. */
  leadTo(other: FakeChannel | undefined): void {
    this.#other = other;
  }

  /** The same for both directions. */
  cut(): void {
    this.#other?.leadTo(undefined);
    this.leadTo(undefined);
  }

  /** The connection was closed at one of its ends. */
  shut(): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    const other = this.#other;
    this.#other = undefined;
    queueMicrotask(() => {
      this.onclose?.();
      other?.shut();
    });
  }
}

export class FakePeerConnection {
  readonly id = nextId++;
  readonly channel = new FakeChannel();
  /** The one on which browsers tell each other their ids. */
  readonly introductions = new FakeChannel();
  readonly candidates: unknown[] = [];
  readonly log: string[] = [];
  configuration: RTCConfiguration;
  senders: FakeSender[] = [];
  stats = new Map<string, object>();
  signalingState: RTCSignalingState = "stable";
  iceConnectionState: RTCIceConnectionState = "new";
  connectionState: RTCPeerConnectionState = "new";
  localDescription: RTCSessionDescriptionInit | null = null;
  remoteDescription: RTCSessionDescriptionInit | null = null;
  /** The next call of this operation fails. */
  failing:
    | "setRemoteDescription"
    | "setLocalDescription"
    | "addIceCandidate"
    | "setConfiguration"
    | undefined;
  readonly restartIce = vi.fn(() => this.#want());

  onnegotiationneeded: (() => void) | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onicecandidateerror: ((event: object) => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: object) => void) | null = null;

  /** What the application wants negotiated, and what the last stable description covers. */
  #wanted = 0;
  #covered = 0;
  #offered = 0;
  #eventQueued = false;
  #operations: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(configuration: RTCConfiguration) {
    this.configuration = configuration;
  }

  createDataChannel(label: string, init: RTCDataChannelInit): FakeChannel {
    this.log.push(`channel ${label} ${init.negotiated} ${init.id}`);
    this.#want();
    return init.id === 0 ? this.channel : this.introductions;
  }

  addTrack(track: MediaStreamTrack): FakeSender {
    const sender = new FakeSender(track);
    this.senders.push(sender);
    this.#want();
    return sender;
  }

  removeTrack(sender: FakeSender): void {
    this.senders = this.senders.filter((other) => other !== sender);
    this.#want();
  }

  getSenders(): FakeSender[] {
    return this.senders;
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.#failIf("setConfiguration");
    this.configuration = configuration;
  }

  setLocalDescription(): Promise<void> {
    return this.#chain(async () => {
      this.#failIf("setLocalDescription");
      const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
      this.log.push(`local ${type}`);
      this.localDescription = { type, sdp: this.#sdp() };
      this.#offered = this.#wanted;
      if (type === "answer") this.#stable();
      else this.signalingState = "have-local-offer";
    });
  }

  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    return this.#chain(async () => {
      this.#failIf("setRemoteDescription");
      if (description.type === "offer") this.#takeOffer();
      else if (description.type === "pranswer") this.signalingState = "have-remote-pranswer";
      else this.#takeAnswer();
      this.remoteDescription = description;
    });
  }

  addIceCandidate(candidate?: unknown): Promise<void> {
    return this.#chain(async () => {
      this.#failIf("addIceCandidate");
      if (this.remoteDescription === null) throw new Error("InvalidStateError: no remote description");
      this.candidates.push(candidate);
    });
  }

  async getStats(): Promise<Map<string, object>> {
    return this.stats;
  }

  close(): void {
    this.signalingState = "closed";
    this.connectionState = "closed";
    this.channel.shut();
    this.introductions.shut();
  }

  // ---- moved by the test

  /** The two have found a path to each other. */
  static connect(a: FakePeerConnection, b: FakePeerConnection): void {
    for (const [here, there] of [
      [a, b],
      [b, a],
    ] as const) {
      here.changeState("connected");
      here.channel.leadTo(there.channel);
      here.introductions.leadTo(there.introductions);
    }
    for (const { channel, introductions } of [a, b]) {
      channel.open();
      introductions.open();
    }
  }

  get hasPath(): boolean {
    return this.channel.leadsSomewhere;
  }

  /** Packets do not arrive any more, in either direction; nobody has noticed. */
  losePath(): void {
    this.channel.cut();
    this.introductions.cut();
  }

  changeState(
    state: RTCPeerConnectionState,
    ice: RTCIceConnectionState = state as RTCIceConnectionState,
  ): void {
    this.iceConnectionState = ice;
    this.oniceconnectionstatechange?.();
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  findCandidate(candidate: RTCIceCandidateInit | null): void {
    this.onicecandidate?.({ candidate: candidate === null ? null : { toJSON: () => candidate } });
  }

  #sdp(): string {
    return `v=0\r\no=- ${this.id} 2 IN IP4 127.0.0.1\r\na=fingerprint:sha-256 ${this.id}\r\n`;
  }

  #failIf(operation: NonNullable<FakePeerConnection["failing"]>): void {
    if (this.failing !== operation) return;
    this.failing = undefined;
    throw new Error(`${operation} failed`);
  }

  #takeOffer(): void {
    if (this.signalingState === "have-local-offer") this.log.push("rollback");
    else if (this.signalingState === "closed") throw new Error("offer in closed");
    this.log.push("remote offer");
    this.signalingState = "have-remote-offer";
  }

  #takeAnswer(): void {
    const isOffered = ["have-local-offer", "have-remote-pranswer"].includes(this.signalingState);
    if (!isOffered) throw new Error(`answer in ${this.signalingState}`);
    this.log.push("remote answer");
    this.#stable();
  }

  #stable(): void {
    this.signalingState = "stable";
    this.#covered = this.#offered;
    this.#fireIfNeeded();
  }

  #want(): void {
    this.#wanted++;
    this.#fireIfNeeded();
  }

  #fireIfNeeded(): void {
    if (this.#eventQueued) return;
    this.#eventQueued = true;
    queueMicrotask(() => {
      this.#eventQueued = false;
      // "If connection.[[Operations]] is not empty": the flag is looked at again when it is.
      if (this.#waiting > 0) return;
      if (this.signalingState === "stable" && this.#covered < this.#wanted) this.onnegotiationneeded?.();
    });
  }

  #operationDone(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#fireIfNeeded();
  }

  #chain(operation: () => Promise<void>): Promise<void> {
    this.#waiting++;
    const result = this.#operations.then(operation).finally(() => this.#operationDone());
    this.#operations = result.catch(() => undefined);
    return result;
  }
}
