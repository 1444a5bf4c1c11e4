/** The screen before a call: which room, which name, which devices. */

import { type Devices, devicesExist } from "./devices.ts";
import { box, button, byId, input } from "./elements.ts";
import { LevelMeter } from "./level-meter.ts";
import { randomRoomName, roomFromAddress } from "./room-name.ts";
import { readStored, store } from "./storage.ts";

export interface JoinWish {
  readonly room: string;
  readonly name: string | undefined;
  readonly useMedia: boolean;
  readonly relayOnly: boolean;
}

const NAME_KEY = "turnpike.name";

export class Lobby {
  readonly #devices: Devices;
  readonly #room = input("room");
  readonly #name = input("name");
  readonly #useMedia = input("use-media");
  readonly #relayOnly = input("relay-only");
  readonly #join = button("join");
  readonly #error = box("join-error");
  readonly #mirror = box("mirror");
  readonly #preview = byId("preview", HTMLVideoElement);
  readonly #meter = new LevelMeter(box("level"));
  #shown = true;

  constructor(devices: Devices, join: (wish: JoinWish) => void) {
    this.#devices = devices;
    this.#room.value = roomFromAddress(location) ?? randomRoomName();
    this.#name.value = readStored("localStorage", NAME_KEY) ?? "";
    button("new-room-name").addEventListener("click", () => {
      this.#room.value = randomRoomName();
      this.#room.focus();
    });
    button("preview-start").addEventListener("click", () => void this.#startPreview());
    this.#useMedia.addEventListener("change", () => this.#mediaWishChanged());
    byId("join-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const wish = this.#readWish();
      if (wish !== undefined) join(wish);
    });
    window.addEventListener("hashchange", () => {
      const room = roomFromAddress(location);
      if (this.#shown && room !== undefined) this.#room.value = room;
    });
    this.#prepareDevices();
  }

  /** The state of the switch, which is on the screen of the call meanwhile. */
  get relayOnly(): boolean {
    return this.#relayOnly.checked;
  }

  show(room?: string): void {
    this.#shown = true;
    if (room !== undefined) this.#room.value = room;
    box("lobby").hidden = false;
    box("lobby-relay").append(box("relay-switch"));
    this.setBusy(false);
    this.#showDevices();
    void this.#previewIfAllowed();
  }

  hide(): void {
    this.#shown = false;
    box("lobby").hidden = true;
    this.#meter.stop();
    this.#preview.srcObject = null;
  }

  setBusy(busy: boolean): void {
    this.#join.disabled = busy;
    this.#join.textContent = busy ? "Joining…" : "Join the call";
    if (busy) this.showError(undefined);
  }

  showError(text: string | undefined): void {
    this.#error.hidden = text === undefined;
    this.#error.textContent = text ?? "";
  }

  #readWish(): JoinWish | undefined {
    const room = this.#room.value.trim();
    if (room === "") {
      this.showError("A room needs a name.");
      this.#room.focus();
      return undefined;
    }
    const name = this.#name.value.trim();
    store("localStorage", NAME_KEY, name === "" ? undefined : name);
    return {
      room,
      name: name === "" ? undefined : name,
      useMedia: this.#useMedia.checked,
      relayOnly: this.#relayOnly.checked,
    };
  }

  // ---- devices

  #prepareDevices(): void {
    if (devicesExist()) {
      void this.#previewIfAllowed();
      return;
    }
    this.#useMedia.checked = false;
    this.#useMedia.disabled = true;
    box("insecure").hidden = window.isSecureContext;
    button("preview-start").hidden = true;
    box("preview-text").textContent = "No camera here. Chat and data work all the same.";
  }

  /** Only where the browser need not ask: a prompt before anything was done is no welcome. */
  async #previewIfAllowed(): Promise<void> {
    if (!devicesExist() || !this.#useMedia.checked || (await cameraPermission()) !== "granted") return;
    if (this.#shown) await this.#startPreview();
  }

  async #startPreview(): Promise<void> {
    this.#useMedia.checked = true;
    const start = button("preview-start");
    start.disabled = true;
    const problem = await this.#devices.startBoth();
    start.disabled = false;
    if (problem !== undefined) box("preview-text").textContent = problem;
    if (this.#shown) this.#showDevices();
  }

  #mediaWishChanged(): void {
    if (this.#useMedia.checked) void this.#previewIfAllowed();
    else this.#devices.stop();
    this.#showDevices();
  }

  #showDevices(): void {
    const hasVideo = this.#devices.track("video") !== undefined;
    const hasAudio = this.#devices.track("audio") !== undefined;
    this.#preview.srcObject = hasVideo ? this.#devices.stream : null;
    this.#mirror.dataset.camera = hasVideo ? "on" : "off";
    this.#mirror.dataset.microphone = hasAudio ? "on" : "off";
    button("preview-start").hidden = !devicesExist() || (hasAudio && !hasVideo);
    if (hasAudio) this.#meter.start(this.#devices);
    else this.#meter.stop();
  }
}

/** "prompt" where the browser does not tell. */
async function cameraPermission(): Promise<PermissionState> {
  try {
    const camera = await navigator.permissions.query({ name: "camera" as PermissionName });
    return camera.state;
  } catch {
    return "prompt";
  }
}
