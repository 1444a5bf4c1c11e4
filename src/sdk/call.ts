/** One member's view of one room: the connection to the server, and a peer for every other member. */

import type { Limits, ServerMessage } from "../signaling/protocol.ts";
import { Emitter, type Listener, type Unsubscribe } from "./emitter.ts";
import type { Environment, TimerId } from "./environment.ts";
import { describeCause, TurnpikeError } from "./errors.ts";
import type { CallEvents, ClosedReason } from "./events.ts";
import { IceSettings } from "./ice-settings.ts";
import type { Resumption } from "./join-request.ts";
import { findSender, LocalMedia } from "./local-media.ts";
import type { JoinOptions } from "./options.ts";
import type { Peer, PeerSession } from "./peer.ts";
import { PeerTable } from "./peer-table.ts";
import { type Request, readError } from "./requests.ts";
import { type JoinedMessage, type JoinKind, Signaling } from "./signaling.ts";

type MemberMessage = Extract<ServerMessage, { type: "message" }>;

const LEAVE_TIMEOUT_MS = 1000;

export interface CallOptions extends Omit<JoinOptions, "url" | "environment"> {
  readonly url: string;
  readonly environment: Environment;
  readonly create: boolean;
  readonly room: string;
}

/** A call, from the moment this side has joined the room. Made by `joinRoom` and `createRoom`. */
export class Call {
  readonly room: string;
  readonly #environment: Environment;
  readonly #emitter = new Emitter<CallEvents>();
  readonly #media = new LocalMedia();
  readonly #ice: IceSettings;
  readonly #peers: PeerTable;
  readonly #signaling: Signaling;
  #joined: JoinedMessage | undefined;
  #closed = false;
  /** Messages to a page that was loaded again, until whoever joined can listen. Undefined: nothing waits. */
  #early: MemberMessage[] | undefined = [];

  /** @internal Use `joinRoom` or `createRoom`. */
  constructor(options: CallOptions) {
    this.room = options.room;
    this.#environment = options.environment;
    this.#ice = new IceSettings(options.rtcConfiguration, options.iceTransportPolicy);
    this.#peers = new PeerTable({
      environment: options.environment,
      ice: this.#ice,
      media: this.#media,
      emitter: this.#emitter,
      tell: (request) => this.#tell(request),
      pathLost: () => this.#signaling.doubt(),
      repeat: (message) => this.#onMessage(message),
    });
    if (options.stream !== undefined) this.addStream(options.stream);
    const { url, create, room, name, token, resume } = options;
    this.#signaling = new Signaling({ url, create, room, name, token, resume }, options.environment, {
      joined: (message, kind) => this.#onJoined(message, kind),
      message: (message) => this.#onMessage(message),
      dropped: () => this.#onDropped(),
      isTalking: () => this.#peers.isTalking,
      ended: (reason, error) => this.#close(reason, undefined, error),
    });
  }

  /** @internal Joins the room; rejects with a TurnpikeError. */
  async open(): Promise<void> {
    await this.#signaling.join();
  }

  /** This side's id in the room. */
  get id(): string {
    return this.#joined?.peer ?? "";
  }

  /** Whether this side's join made the room. */
  get created(): boolean {
    return this.#joined?.created ?? false;
  }

  /** The server's: `roomSize`, `maxMessageBytes`, `messagesPerSecond`, `heartbeatSeconds`. */
  get limits(): Limits | undefined {
    return this.#joined?.limits;
  }

  /** The other members, by id. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers.byId;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get iceTransportPolicy(): RTCIceTransportPolicy {
    return this.#ice.transportPolicy;
  }

  /** For `JoinOptions.resume`, when the page is loaded again. Secret: it is the seat. Undefined when the call is over. */
  get resumption(): Resumption | undefined {
    return this.#closed ? undefined : this.#signaling.resumption;
  }

  /** Listens. What a listener throws goes to the page's error event. Returns the way to stop. */
  on<Name extends keyof CallEvents>(name: Name, listener: Listener<CallEvents[Name]>): Unsubscribe {
    return this.#emitter.on(name, listener);
  }

  // ---- media

  /** Sends all tracks of a stream to every member, also to those who come later. */
  addStream(stream: MediaStream): void {
    for (const track of stream.getTracks()) this.addTrack(track, stream);
  }

  /** Sends a track to every member. The others get it together with these streams. */
  addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): void {
    if (this.#closed || !this.#media.add(track, streams)) return;
    for (const { connection } of this.#peers) connection.addTrack(track, ...streams);
  }

  /** Sends a track to nobody any more. The track itself goes on: stop it with `track.stop()`. */
  removeTrack(track: MediaStreamTrack): void {
    if (!this.#media.remove(track)) return;
    for (const { connection } of this.#peers) {
      const sender = findSender(connection, track);
      if (sender !== undefined) connection.removeTrack(sender);
    }
  }

  /** Another camera, say, in the place of one: without a new negotiation. Both tracks must be of the same kind. */
  async replaceTrack(old: MediaStreamTrack, replacement: MediaStreamTrack): Promise<void> {
    if (!this.#media.replace(old, replacement)) return;
    const senders = [...this.#peers].map(({ connection }) => findSender(connection, old));
    await Promise.all(senders.map((sender) => sender?.replaceTrack(replacement)));
  }

  // ---- words

  /**
   * Sends over the data channel, from browser to browser: to everyone, or to one.
   * @returns to how many it went; those whose channel is not open yet are left out.
   */
  send(data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>, to?: Peer | string): number {
    const peers = to === undefined ? [...this.#peers] : [this.#peers.get(peerId(to))];
    return peers.filter((peer) => peer !== undefined && this.#sendTo(peer, data)).length;
  }

  /**
   * Sends any JSON through the server, to everyone or to one: it arrives without a connection between the browsers, in
   * order, also after a lost socket. Rejects with `too-large`, `rate-limited`, `peer-not-found`, `closed`.
   */
  async post(data: unknown, to?: Peer | string): Promise<void> {
    await this.#signaling.request({
      type: "message",
      data,
      ...(to === undefined ? {} : { to: this.#wireId(to) }),
    });
  }

  // ---- ICE

  /** Looks for a new path, to one peer or to all. */
  restartIce(to?: Peer | string): void {
    if (to === undefined) for (const peer of this.#peers) peer.restartIce();
    else this.#peers.get(peerId(to))?.restartIce();
  }

  /** Forces the relay (`relay`) or lets direct paths be (`all`), in the running call: with a new connection to each peer. */
  setIceTransportPolicy(policy: RTCIceTransportPolicy): void {
    if (policy === this.#ice.transportPolicy) return;
    this.#ice.transportPolicy = policy;
    this.#peers.configure();
    for (const peer of this.#peers) peer.renew();
  }

  /** Asks for fresh iceServers now. The server sends them by itself before the old ones expire. */
  async refreshIceServers(): Promise<void> {
    const reply = await this.#signaling.request({ type: "ice" });
    if (reply.type === "ice-servers") this.#onIceServers(reply);
  }

  // ---- the end

  /** Hangs up. Everything is closed at once; resolves when the server knows, or after a second. */
  async leave(): Promise<void> {
    if (this.#closed) return;
    const told = this.#signaling.request({ type: "leave" }).then(ignore, ignore);
    this.#peers.close();
    this.#finish("left", undefined, undefined);
    let timer: TimerId | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#environment.setTimeout(resolve, LEAVE_TIMEOUT_MS);
    });
    await Promise.race([told, late]);
    this.#environment.clearTimeout(timer);
    this.#signaling.close();
  }

  #close(reason: ClosedReason, detail: string | undefined, error: TurnpikeError | undefined): void {
    if (this.#closed) return;
    this.#peers.close();
    this.#signaling.close();
    this.#finish(reason, detail, error);
  }

  #finish(reason: ClosedReason, detail: string | undefined, error: TurnpikeError | undefined): void {
    this.#closed = true;
    this.#media.clear();
    this.#emitter.emit("closed", { reason, detail, error });
    this.#emitter.clear();
  }

  // ---- the server's words

  #onJoined(message: JoinedMessage, kind: JoinKind): void {
    this.#joined = message;
    this.#ice.iceServers = message.iceServers;
    if (kind === "first") {
      this.#peers.meet(message);
      return this.#listenersCome();
    }
    this.#peers.configure();
    if (kind === "resumed") this.#peers.setReachable(true);
    else this.#peers.meetAgain(message);
    this.#emitter.emit("signaling", { state: "connected" });
    this.#emitter.emit("joined", { resumed: kind === "resumed", peers: [...this.#peers] });
  }

  #onDropped(): void {
    this.#peers.setReachable(false);
    this.#emitter.emit("signaling", { state: "reconnecting" });
  }

  #onMessage(message: ServerMessage): void {
    if (this.#closed || this.#peers.keep(message)) return;
    switch (message.type) {
      case "peer-joined":
        return this.#peers.arrived(message);
      case "offer":
      case "answer":
        return this.#peers.receiveDescription(message.from, message.description);
      case "candidate":
        return this.#peers.find(message.from)?.receiveCandidate(message.candidate);
      case "ice-servers":
        return this.#onIceServers(message);
      case "room-closed":
        if (message.reason === "shutdown") return this.#signaling.serverEnds();
        return this.#close("room-closed", message.reason, undefined);
      case "kicked":
        return this.#close("kicked", message.reason, undefined);
      case "error":
        return this.#emitter.emit("error", readError(message));
      default:
        this.#onNews(message);
    }
  }

  #onNews(message: ServerMessage): void {
    switch (message.type) {
      case "peer-left":
        return this.#peers.left(message.peer, message.reason);
      case "peer-away":
      case "peer-back":
        return this.#peers.setAway(message.peer, message.type);
      case "message":
        if (this.#early === undefined) this.#tellMessage(message);
        else this.#early.push(message);
        return;
      case "go-away":
        return this.#onGoAway(message);
      case "notice": {
        const { type: _type, seq: _seq, code, ...detail } = message;
        this.#emitter.emit("notice", { code, detail });
      }
    }
  }

  #onGoAway({ graceSeconds, url }: Extract<ServerMessage, { type: "go-away" }>): void {
    if (url !== undefined) this.#signaling.moveTo(url, graceSeconds);
    this.#emitter.emit("go-away", { graceSeconds, url });
  }

  /** Who awaits the join adds listeners in the same turn: what came before it is told in the next. */
  #listenersCome(): void {
    const early = this.#early ?? [];
    if (early.length === 0) this.#early = undefined;
    else
      this.#environment.setTimeout(() => {
        this.#early = undefined;
        for (const message of early) this.#tellMessage(message);
      }, 0);
  }

  #tellMessage({ from, data }: MemberMessage): void {
    const peer = this.#peers.find(from);
    if (peer !== undefined) this.#emitter.emit("message", { peer, via: "server", data });
  }

  #onIceServers({ iceServers, expiresAt }: Extract<ServerMessage, { type: "ice-servers" }>): void {
    this.#ice.iceServers = iceServers;
    this.#peers.iceServersRenewed();
    this.#emitter.emit("ice-servers", { iceServers, expiresAt });
  }

  #sendTo(peer: PeerSession, data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean {
    try {
      return peer.send(data);
    } catch (error) {
      this.#emitter.emit("error", new TurnpikeError("send-failed", describeCause(error), error));
      return false;
    }
  }

  /** The server's id for a member. Throws for one who is not in the room, though the connection to it goes on. */
  #wireId(peer: Peer | string): string {
    const id = peerId(peer);
    const known = this.#peers.get(id);
    if (known === undefined) return id;
    if (known.wireId !== undefined) return known.wireId;
    throw new TurnpikeError("peer-not-found", "this member is not in the room again");
  }

  /** A request that nobody waits for. */
  #tell(request: Request): void {
    this.#signaling.request(request).catch((error: TurnpikeError) => {
      // What was for a member or a seat that is gone meanwhile is nobody's trouble.
      const isLate = ["peer-not-found", "not-joined", "resume-failed", "closed"].includes(error.code);
      if (!isLate) this.#emitter.emit("error", error);
    });
  }
}

function peerId(peer: Peer | string): string {
  return typeof peer === "string" ? peer : peer.id;
}

function ignore(): void {}
