/** The other members of a call, and what they have in common. */

import type { PeerInfo } from "../signaling/protocol.ts";
import type { Emitter } from "./emitter.ts";
import type { Environment } from "./environment.ts";
import { describeCause, TurnpikeError } from "./errors.ts";
import type { CallEvents } from "./events.ts";
import type { IceSettings } from "./ice-settings.ts";
import type { LocalMedia } from "./local-media.ts";
import { type Peer, type PeerObserver, PeerSession } from "./peer.ts";
import type { LinkOptions } from "./peer-link.ts";
import type { Request } from "./requests.ts";

export interface PeerTableOptions {
  readonly environment: Environment;
  readonly ice: IceSettings;
  readonly media: LocalMedia;
  readonly emitter: Emitter<CallEvents>;
  /** Sends a request that nobody waits for. */
  readonly tell: (request: Request) => void;
}

export class PeerTable {
  readonly #options: PeerTableOptions;
  readonly #peers = new Map<string, PeerSession>();
  readonly #observer: PeerObserver;

  constructor(options: PeerTableOptions) {
    this.#options = options;
    this.#observer = createObserver(options);
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

  /**
   * Does nothing for a peer that is here already. `announced`: with a `peer-joined`. When the browser makes no
   * RTCPeerConnection of our configuration that is an `error`, or thrown where nobody can listen yet.
   */
  add(info: PeerInfo, announced: boolean): void {
    if (this.#peers.has(info.peer)) return;
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

  remove(id: string, reason: CallEvents["peer-left"]["reason"]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    peer.close();
    this.#options.emitter.emit("peer-left", { peer, reason });
  }

  /** This side has another seat: to everybody it is somebody new, and they are to it. */
  replaceAll(infos: readonly PeerInfo[], announced: boolean): void {
    if (announced) for (const id of [...this.#peers.keys()]) this.remove(id, "replaced");
    for (const info of infos) this.add(info, announced);
  }

  setAway(id: string, event: "peer-away" | "peer-back"): void {
    const peer = this.#peers.get(id);
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
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
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

function createObserver({ emitter, tell }: PeerTableOptions): PeerObserver {
  return {
    send: tell,
    report: (report) => tell({ type: "report", report }),
    track: (peer, { track, streams, transceiver }) =>
      emitter.emit("track", { peer, track, streams, transceiver }),
    stateChanged: (peer, state) => emitter.emit("connection-state", { peer, state }),
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
