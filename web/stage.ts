/** The tiles: one for every other member, and one's own. */

import type { Peer } from "../src/sdk/client.ts";
import { box, setData } from "./elements.ts";
import { Tile } from "./tile.ts";

export class Stage {
  readonly #page = box("page");
  readonly #tiles = box("tiles");
  readonly #peers = new Map<string, Tile>();
  #own: Tile | undefined;

  /** For a new call; `stream` is one's own. */
  reset(stream: MediaStream): Tile {
    this.clear();
    const own = new Tile("You", undefined);
    own.element.classList.add("own");
    own.setStream(stream, "silent");
    this.#own = own;
    this.#tiles.append(own.element);
    this.#arrange();
    return own;
  }

  clear(): void {
    for (const tile of this.#peers.values()) tile.remove();
    this.#peers.clear();
    this.#own?.remove();
    this.#own = undefined;
    this.#arrange();
  }

  /** The tile of a member; made when it is not there. */
  tileOf(peer: Peer): Tile {
    const found = this.#peers.get(peer.id);
    if (found !== undefined) return found;
    const tile = new Tile(peer.name ?? "Guest", peer.id);
    this.#peers.set(peer.id, tile);
    this.#tiles.insertBefore(tile.element, this.#own?.element ?? null);
    this.#arrange();
    return tile;
  }

  removePeer(peer: Peer): void {
    this.#peers.get(peer.id)?.remove();
    this.#peers.delete(peer.id);
    this.#arrange();
  }

  /** Tries again to play what the browser did not play without a click. */
  playAll(): void {
    for (const tile of this.#peers.values()) tile.play();
  }

  #arrange(): void {
    const count = this.#peers.size;
    setData(this.#page, "empty", count === 0 ? "" : undefined);
    this.#page.dataset.layout = count > 1 ? "grid" : "pair";
    this.#tiles.style.setProperty("--columns", String(Math.ceil(Math.sqrt(count + 1))));
  }
}
