/** One person on the stage. */

import type { Path } from "../src/sdk/client.ts";
import { createElement, createIcon, setData } from "./elements.ts";
import { describePath } from "./words.ts";

export class Tile {
  readonly element = createElement("article", "tile");
  readonly #video = document.createElement("video");
  readonly #path = createElement("span", "tile-note tile-path");
  readonly #note = createElement("span", "tile-note");
  #blocked: () => void = () => undefined;

  constructor(name: string, peerId: string | undefined) {
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    const avatar = createElement("div", "avatar");
    const letter = createElement("span", "");
    letter.textContent = [...name][0] ?? "?";
    letter.setAttribute("aria-hidden", "true");
    avatar.style.setProperty("--hue", String(hueOf(peerId ?? "")));
    avatar.append(letter);
    const footer = createElement("footer", "");
    const label = createElement("span", "tile-name");
    label.textContent = name;
    footer.append(label, createIcon("icon-mic-off", "icon muted-icon"), this.#note, this.#path);
    this.element.append(this.#video, avatar, footer);
    this.element.setAttribute("aria-label", name);
    setData(this.element, "peer", peerId);
    this.setMedia({ audio: true, video: false });
  }

  /** Called when the browser wants a click before it plays sound. */
  set onBlocked(blocked: () => void) {
    this.#blocked = blocked;
  }

  setStream(stream: MediaStream | undefined, sound: "loud" | "silent"): void {
    this.#video.muted = sound === "silent";
    if (this.#video.srcObject === (stream ?? null)) return;
    this.#video.srcObject = stream ?? null;
    this.play();
  }

  play(): void {
    if (this.#video.srcObject === null) return;
    this.#video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#blocked();
    });
  }

  setMedia({ audio, video }: { readonly audio: boolean; readonly video: boolean }): void {
    this.element.dataset.microphone = audio ? "on" : "off";
    this.element.dataset.camera = video ? "on" : "off";
  }

  setConnection(state: RTCPeerConnectionState): void {
    this.element.dataset.connection = state;
  }

  setNote(text: string): void {
    this.#note.textContent = text;
  }

  setPath(path: Path | undefined): void {
    this.#path.textContent = path === undefined ? "" : describePath(path);
  }

  remove(): void {
    this.#video.srcObject = null;
    this.element.remove();
  }
}

/** The same person keeps a colour. */
function hueOf(text: string): number {
  let hash = 160;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return hash;
}
