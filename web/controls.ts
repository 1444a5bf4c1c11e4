/** The row of buttons under a call. */

import type { Call } from "../src/sdk/client.ts";
import { type DeviceKind, type Devices, devicesExist } from "./devices.ts";
import { box, button, input } from "./elements.ts";
import type { Tile } from "./tile.ts";

export class Controls {
  readonly #devices: Devices;
  readonly #notify: (text: string) => void;
  readonly #buttons = { audio: button("mute"), video: button("camera") };
  readonly #relayOnly = input("relay-only");
  #call: Call | undefined;
  #ownTile: Tile | undefined;
  #mediaChanged: () => void = () => undefined;

  constructor(devices: Devices, notify: (text: string) => void) {
    this.#devices = devices;
    this.#notify = notify;
    this.#buttons.audio.addEventListener("click", () => void this.#toggle("audio"));
    this.#buttons.video.addEventListener("click", () => void this.#toggle("video"));
    button("hangup").addEventListener("click", () => void this.#call?.leave());
    this.#relayOnly.addEventListener("change", () => {
      this.#call?.setIceTransportPolicy(this.#relayOnly.checked ? "relay" : "all");
    });
  }

  /** `mediaChanged` is called when microphone or camera go on or off. */
  attach(call: Call, ownTile: Tile, mediaChanged: () => void): void {
    this.#call = call;
    this.#ownTile = ownTile;
    this.#mediaChanged = mediaChanged;
    this.#relayOnly.checked = call.iceTransportPolicy === "relay";
    box("call-relay").append(box("relay-switch"));
    for (const control of Object.values(this.#buttons)) {
      control.disabled = !devicesExist();
      control.title = devicesExist() ? "" : "Browsers give camera and microphone to https pages only";
    }
    this.#show();
  }

  detach(): void {
    this.#call = undefined;
  }

  async #toggle(kind: DeviceKind): Promise<void> {
    const devices = this.#devices;
    const call = this.#call;
    if (devices.track(kind) !== undefined) {
      devices.setOn(kind, !devices.isOn(kind));
    } else if (call !== undefined) {
      const problem = await devices.start(kind);
      if (problem !== undefined) this.#notify(problem);
      const track = devices.track(kind);
      if (call.closed) devices.stop();
      else if (track !== undefined) call.addTrack(track, devices.stream);
    }
    this.#show();
    this.#mediaChanged();
  }

  #show(): void {
    const on = { audio: this.#devices.isOn("audio"), video: this.#devices.isOn("video") };
    this.#label("audio", on.audio, on.audio ? "Mute" : "Unmute");
    this.#label("video", on.video, on.video ? "Camera off" : "Camera on");
    this.#ownTile?.setMedia(on);
    this.#ownTile?.setStream(this.#devices.stream, "silent");
  }

  #label(kind: DeviceKind, isOn: boolean, text: string): void {
    const control = this.#buttons[kind];
    control.setAttribute("aria-pressed", String(!isOn));
    const label = control.querySelector(".label");
    if (label !== null) label.textContent = text;
  }
}
