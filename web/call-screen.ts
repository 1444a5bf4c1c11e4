/** The screen of one call: what the SDK tells becomes what people see. */

import type { Call, CallEvents, Peer } from "../src/sdk/client.ts";
import type { Chat } from "./chat.ts";
import type { Controls } from "./controls.ts";
import type { Devices } from "./devices.ts";
import { readPageMessage } from "./page-message.ts";
import type { Stage } from "./stage.ts";
import { ConnectionStatus } from "./status.ts";
import { describeGoAway, describeReturn } from "./words.ts";

export interface CallScreenParts {
  readonly devices: Devices;
  readonly stage: Stage;
  readonly chat: Chat;
  readonly controls: Controls;
  readonly notify: (text: string) => void;
}

export class CallScreen {
  readonly #call: Call;
  readonly #parts: CallScreenParts;
  readonly #status: ConnectionStatus;

  constructor(call: Call, parts: CallScreenParts) {
    this.#call = call;
    this.#parts = parts;
    this.#status = new ConnectionStatus(call);
    parts.chat.reset();
    parts.controls.attach(call, parts.stage.reset(parts.devices.stream), () => this.#tellMedia());
    for (const peer of call.peers.values()) this.#addPeer(peer);
    this.#listen();
    this.#status.update();
  }

  get connectedSinceMs(): number | undefined {
    return this.#status.connectedSinceMs;
  }

  sendChat(text: string): boolean {
    return this.#call.send(JSON.stringify({ chat: text })) > 0;
  }

  #listen(): void {
    const call = this.#call;
    const { stage, notify } = this.#parts;
    call.on("peer-joined", ({ peer }) => this.#addPeer(peer));
    call.on("peer-left", ({ peer }) => this.#removePeer(peer));
    call.on("peer-away", ({ peer }) => this.#changed(peer));
    call.on("peer-back", ({ peer }) => this.#changed(peer));
    call.on("connection-state", ({ peer }) => this.#changed(peer));
    call.on("path", ({ peer }) => this.#changed(peer));
    call.on("signaling", () => this.#status.update());
    call.on("track", ({ peer, track, streams }) => this.#showTrack(peer, track, streams[0]));
    call.on("channel-open", ({ peer }) => this.#channelOpened(peer));
    call.on("message", (message) => this.#read(message));
    call.on("go-away", (event) => notify(describeGoAway(event)));
    call.on("joined", ({ resumed, peers }) => {
      if (!resumed) notify(describeReturn(peers));
    });
    call.on("error", (error) => console.warn("turnpike:", error.code, error.message));
    call.on("notice", ({ code, detail }) => console.info("turnpike:", code, detail));
    window.addEventListener("pointerdown", () => stage.playAll(), { once: true });
  }

  // ---- people

  #addPeer(peer: Peer): void {
    const { stage, notify } = this.#parts;
    stage.tileOf(peer).onBlocked = () => notify("Click or tap anywhere to hear the others.");
    this.#changed(peer);
  }

  #removePeer(peer: Peer): void {
    this.#parts.stage.removePeer(peer);
    this.#status.update();
    this.#updateChat();
  }

  #changed(peer: Peer): void {
    if (!this.#call.peers.has(peer.id)) return;
    const tile = this.#parts.stage.tileOf(peer);
    tile.setConnection(peer.state);
    tile.setPath(peer.path);
    tile.setNote(peer.away ? "away" : "");
    this.#status.update();
    this.#updateChat();
  }

  #updateChat(): void {
    const peers = [...this.#call.peers.values()];
    this.#parts.chat.setReachable(peers.some(({ channel }) => channel.readyState === "open"));
  }

  // ---- media

  #showTrack(peer: Peer, track: MediaStreamTrack, stream: MediaStream | undefined): void {
    const tile = this.#parts.stage.tileOf(peer);
    tile.setStream(stream ?? new MediaStream([track]), "loud");
    if (track.kind !== "video") return;
    tile.setMedia({ audio: true, video: true });
    track.addEventListener("ended", () => tile.setMedia({ audio: true, video: false }));
    stream?.addEventListener("removetrack", () => tile.setMedia({ audio: true, video: false }));
  }

  #tellMedia(to?: Peer): void {
    const { devices } = this.#parts;
    const media = { audio: devices.isOn("audio"), video: devices.isOn("video") };
    this.#call.send(JSON.stringify({ media }), to);
  }

  // ---- words

  #channelOpened(peer: Peer): void {
    this.#tellMedia(peer);
    this.#changed(peer);
  }

  #read({ peer, via, data }: CallEvents["message"]): void {
    if (via !== "channel" || typeof data !== "string") return;
    const message = readPageMessage(data);
    if ("media" in message) this.#parts.stage.tileOf(peer).setMedia(message.media);
    else
      this.#parts.chat.add(
        "peer",
        message.chat,
        this.#call.peers.size > 1 ? (peer.name ?? "Guest") : undefined,
      );
  }
}
