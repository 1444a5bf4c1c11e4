/** One line that says how the call stands, and the page's `data-state`. */

import type { Call, Path, Peer } from "../src/sdk/client.ts";
import { box, setData } from "./elements.ts";
import { describePath } from "./words.ts";

type CallState = "waiting" | "connecting" | "connected" | "reconnecting";

export class ConnectionStatus {
  readonly #call: Call;
  readonly #page = box("page");
  readonly #status = box("status");
  readonly #path = box("path");
  /** Members that were connected once: from then on they are reconnecting, not connecting. */
  readonly #met = new WeakSet<Peer>();
  #hasServer = true;
  #connectedSinceMs: number | undefined;

  constructor(call: Call) {
    this.#call = call;
    call.on("signaling", ({ state }) => {
      this.#hasServer = state === "connected";
      this.update();
    });
  }

  get connectedSinceMs(): number | undefined {
    return this.#connectedSinceMs;
  }

  update(): void {
    const peers = [...this.#call.peers.values()];
    const connected = peers.filter(({ state }) => state === "connected");
    for (const peer of connected) this.#met.add(peer);
    if (connected.length > 0) this.#connectedSinceMs ??= performance.now();
    const state = this.#stateOf(peers, connected);
    this.#page.dataset.state = state;
    this.#say(this.#words(state, peers));
    this.#showPath(connected.find(({ path }) => path !== undefined)?.path);
  }

  #stateOf(peers: readonly Peer[], connected: readonly Peer[]): CallState {
    if (connected.length > 0) return "connected";
    if (!this.#hasServer) return "reconnecting";
    if (peers.length === 0) return "waiting";
    return peers.some((peer) => this.#met.has(peer)) ? "reconnecting" : "connecting";
  }

  #words(state: CallState, peers: readonly Peer[]): string {
    const away = peers.find((peer) => peer.away);
    const [first] = peers;
    switch (state) {
      case "waiting":
        return "Waiting";
      case "connecting":
        return away === undefined ? `Connecting to ${nameOf(first)}…` : `${nameOf(away)} is away`;
      case "reconnecting":
        if (!this.#hasServer) return "Looking for the server…";
        return away === undefined ? "Reconnecting…" : `${nameOf(away)} lost the connection, waiting…`;
      case "connected":
        if (!this.#hasServer) return "Connected; looking for the server";
        return away === undefined ? "Connected" : `Connected; ${nameOf(away)} lost the server`;
    }
  }

  /** Only what changed is read out. */
  #say(text: string): void {
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  #showPath(path: Path | undefined): void {
    const element = this.#path;
    element.textContent = path === undefined ? "" : describePath(path);
    element.title = path === undefined ? "" : `${path.local} to ${path.remote} over ${path.protocol}`;
    setData(element, "relayed", path === undefined ? undefined : String(path.relayed));
    setData(element, "localType", path?.local);
    setData(element, "remoteType", path?.remote);
    setData(element, "relayProtocol", path?.relayProtocol);
    setData(element, "rttMs", path?.roundTripTimeMs);
  }
}

function nameOf(peer: Peer | undefined): string {
  return peer?.name ?? "the other person";
}
