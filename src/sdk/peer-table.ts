/** The other members of a call, and what they have in common. */

import type { LeaveReason, PeerInfo, ServerMessage, SessionDescription } from "../signaling/protocol.ts";
import type { Emitter } from "./emitter.ts";
import type { Environment } from "./environment.ts";
import { describeCause, TurnpikeError } from "./errors.ts";
import type { CallEvents } from "./events.ts";
import type { IceSettings } from "./ice-settings.ts";
import type { LocalMedia } from "./local-media.ts";
import { Newcomers } from "./newcomers.ts";
import { type Peer, type PeerObserver, PeerSession } from "./peer.ts";
import type { LinkOptions } from "./peer-link.ts";
import type { Request } from "./requests.ts";
import type { JoinedMessage } from "./signaling.ts";

export interface PeerTableOptions {
  readonly environment: Environment;
  readonly ice: IceSettings;
  readonly media: LocalMedia;
  readonly emitter: Emitter<CallEvents>;
  /** Sends a request that nobody waits for. */
  readonly tell: (request: Request) => void;
  /** A connection has lost its path: the one to the server may have lost it too. */
  readonly pathLost: () => void;
  /** Takes a message of the server that was held back. */
  readonly repeat: (message: ServerMessage) => void;
}

export class PeerTable {
  readonly #options: PeerTableOptions;
  /** By the id that the application knows. */
  readonly #peers = new Map<string, PeerSession>();
  readonly #newcomers: Newcomers;
  readonly #observer: PeerObserver;
  #roomSize = 2;
  /** This side's, as the server knows it now. */
  #ownId = "";

  constructor(options: PeerTableOptions) {
    this.#options = options;
    this.#newcomers = new Newcomers(options.environment, (id) => this.#isStranger(id));
    this.#observer = {
      ...createObserver(options),
      introduced: (peer) => this.#introduced(peer),
      parted: (peer) => this.#parted(peer),
    };
  }

  get byId(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  [Symbol.iterator](): IterableIterator<PeerSession> {
    return this.#peers.values();
  }

  get(id: string): PeerSession | undefined {
    return this.#peers.get(id);
  }

  /** Whether this side is connected to anybody. */
  get isTalking(): boolean {
    return [...this.#peers.values()].some(({ isAlive }) => isAlive);
  }

  /** By the id that the server knows. */
  find(wireId: string): PeerSession | undefined {
    for (const peer of this.#peers.values()) if (peer.wireId === wireId) return peer;
    return undefined;
  }

  /** The first seat: whoever is there. Throws where the browser makes no RTCPeerConnection of our configuration. */
  meet({ peer, peers, limits }: JoinedMessage): void {
    this.#ownId = peer;
    this.#roomSize = limits.roomSize;
    for (const info of peers) this.#add(info, false);
  }

  /**
   * This side has another seat: to the room it is somebody new, and so may the others be, for the server may have been restarted. The
   * connections that carry data are kept until it is known whose ends they are.
   */
  meetAgain({ peer: id, peers, limits }: JoinedMessage): void {
    this.#ownId = id;
    this.#roomSize = limits.roomSize;
    this.#newcomers.clear();
    for (const peer of [...this.#peers.values()]) {
      if (peer.isAlive) this.#lose(peer);
      else this.#remove(peer, "replaced");
    }
    for (const info of peers) this.arrived(info);
    this.#introduceOurselves();
  }

  /** Somebody is in the room, new to it or to us. */
  arrived(info: PeerInfo): void {
    if (this.find(info.peer) !== undefined || this.#newcomers.has(info.peer)) return;
    const lost = this.#lost();
    const known = lost.find(({ introducedAs }) => introducedAs === info.peer);
    if (known !== undefined) return this.#met(known, info);
    if (lost.length === 0) return this.#add(info, true);
    this.#newcomers.hold(info);
    this.#introduceOurselves();
  }

  /** Who has lost the server for too long, and not the connection to this side, may come back. */
  left(wireId: string, reason: LeaveReason): void {
    this.#newcomers.release(wireId);
    const peer = this.find(wireId);
    if (peer === undefined) return;
    if (reason === "timeout" && peer.isAlive) this.#lose(peer);
    else this.#remove(peer, reason);
  }

  /** Keeps what a newcomer says until it is known who that is; true when it was kept. An offer shows it at once. */
  keep(message: ServerMessage): boolean {
    const id = whose(message);
    if (id === undefined || !this.#newcomers.has(id) || message.type === "peer-left") return false;
    if (message.type !== "offer") return this.#newcomers.keep(id, message);
    this.#release(id, (info) => this.#recognise(info, message.description));
    return false;
  }

  receiveDescription(from: string, description: SessionDescription): void {
    const liar = this.find(from);
    if (liar?.info !== undefined && liar.isRefutedBy(description)) {
      const { info } = liar;
      this.#lose(liar);
      this.#recognise(info, description);
    }
    this.find(from)?.receiveDescription(description);
  }

  setAway(wireId: string, event: "peer-away" | "peer-back"): void {
    const peer = this.find(wireId);
    if (peer === undefined) return;
    if (event === "peer-away") peer.wentAway();
    else peer.cameBack();
    this.#options.emitter.emit(event, { peer });
  }

  /** Whether this side is connected to the server. */
  setReachable(reachable: boolean): void {
    for (const peer of this.#peers.values()) peer.setReachable(reachable && !peer.away);
  }

  /** The ICE settings changed. */
  configure(): void {
    for (const peer of this.#peers.values()) peer.setConfiguration(this.#options.ice.configuration);
  }

  /** Fresh iceServers are in the ICE settings. */
  iceServersRenewed(): void {
    this.configure();
    for (const peer of this.#peers.values()) peer.iceServersRenewed();
  }

  close(): void {
    this.#newcomers.clear();
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  /** When the browser makes no RTCPeerConnection of our configuration that is an `error`, or thrown where nobody can listen yet. */
  #add(info: PeerInfo, announced: boolean): void {
    const { emitter } = this.#options;
    const peer = this.#newPeer(info);
    if (peer instanceof TurnpikeError) {
      if (!announced) throw peer;
      emitter.emit("error", peer);
      return;
    }
    this.#peers.set(peer.id, peer);
    if (announced) emitter.emit("peer-joined", { peer });
  }

  #remove(peer: PeerSession, reason: CallEvents["peer-left"]["reason"]): void {
    this.#peers.delete(peer.id);
    peer.close();
    this.#options.emitter.emit("peer-left", { peer, reason });
  }

  // ---- members who are not in the room, though the connection to them goes on

  #lost(): PeerSession[] {
    return [...this.#peers.values()].filter(({ wireId }) => wireId === undefined);
  }

  #introduceOurselves(): void {
    for (const peer of this.#peers.values()) peer.introduce(this.#ownId);
  }

  #lose(peer: PeerSession): void {
    const wasAway = peer.away;
    peer.lose();
    if (!wasAway) this.#options.emitter.emit("peer-away", { peer });
  }

  #met(peer: PeerSession, info: PeerInfo): void {
    peer.meet(info);
    this.#options.emitter.emit("peer-back", { peer });
    this.#nobodyMissing();
  }

  #introduced(peer: PeerSession): void {
    if (peer.wireId !== undefined || peer.introducedAs === undefined) return;
    const id = peer.introducedAs;
    // Too late: it was taken for a stranger, and has another connection.
    if (this.find(id) !== undefined) this.#remove(peer, "replaced");
    else this.#release(id, (info) => this.#met(peer, info));
  }

  /** What a connection cannot carry any more, nobody comes back to. */
  #parted(peer: PeerSession): void {
    if (peer.wireId !== undefined || this.#peers.get(peer.id) !== peer) return;
    this.#remove(peer, "timeout");
    this.#nobodyMissing();
  }

  /** Whoever waits to be known has nobody to be. */
  #nobodyMissing(): void {
    if (this.#lost().length === 0) for (const id of this.#newcomers.ids) this.#isStranger(id);
  }

  /** By its description, the first that it sends. */
  #recognise(info: PeerInfo, description: SessionDescription): void {
    const known = this.#lost().find((peer) => peer.isOf(description));
    if (known === undefined) this.#addStranger(info);
    else this.#met(known, info);
  }

  #isStranger(id: string): void {
    this.#release(id, (info) => this.#addStranger(info));
  }

  #addStranger(info: PeerInfo): void {
    // In a room of two there is no place for the one who is missing.
    if (this.#roomSize === 2) for (const peer of this.#lost()) this.#remove(peer, "replaced");
    this.#add(info, true);
  }

  #release(id: string, welcome: (info: PeerInfo) => void): void {
    const newcomer = this.#newcomers.release(id);
    if (newcomer === undefined) return;
    welcome(newcomer.info);
    for (const message of newcomer.said) this.#options.repeat(message);
  }

  #newPeer(info: PeerInfo): PeerSession | TurnpikeError {
    try {
      return new PeerSession(info, () => this.#linkOptions(), this.#observer);
    } catch (error) {
      return new TurnpikeError("negotiation-failed", `a new connection: ${describeCause(error)}`, error);
    }
  }

  #linkOptions(): Omit<LinkOptions, "polite"> {
    const { environment, ice, media } = this.#options;
    return { environment, configuration: ice.configuration, media };
  }
}

/** The id of whom a message is from or about. */
function whose(message: ServerMessage): string | undefined {
  const id = "from" in message ? message.from : "peer" in message ? message.peer : undefined;
  return typeof id === "string" ? id : undefined;
}

function createObserver({
  emitter,
  tell,
  pathLost,
}: PeerTableOptions): Omit<PeerObserver, "introduced" | "parted"> {
  return {
    send: tell,
    report: (report) => tell({ type: "report", report }),
    track: (peer, { track, streams, transceiver }) =>
      emitter.emit("track", { peer, track, streams, transceiver }),
    stateChanged(peer, state) {
      emitter.emit("connection-state", { peer, state });
      if (state === "disconnected" || state === "failed") pathLost();
    },
    channelOpened: (peer, channel) => emitter.emit("channel-open", { peer, channel }),
    message: (peer, data) => emitter.emit("message", { peer, via: "channel", data }),
    pathChanged: (peer, path) => emitter.emit("path", { peer, path }),
    iceServerError: (_peer, detail) => emitter.emit("notice", { code: "ice-server-error", detail }),
    failed: (what, error) => {
      const message = `${what}: ${describeCause(error)}`;
      emitter.emit("error", new TurnpikeError("negotiation-failed", message, error));
    },
  };
}
