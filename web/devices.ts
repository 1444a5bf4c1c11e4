/** This side's camera and microphone: one stream, whose tracks come when they are wanted. */

import { describeDeviceError } from "./words.ts";

export type DeviceKind = "audio" | "video";

const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" },
} as const satisfies Record<DeviceKind, MediaTrackConstraints>;

const NAMES: Readonly<Record<DeviceKind, string>> = { audio: "microphone", video: "camera" };

/** False on plain http: browsers give devices to secure pages only. */
export function devicesExist(): boolean {
  return window.isSecureContext && navigator.mediaDevices?.getUserMedia !== undefined;
}

export class Devices {
  readonly stream = new MediaStream();
  #starting: Promise<string | undefined> | undefined;

  track(kind: DeviceKind): MediaStreamTrack | undefined {
    const tracks = kind === "audio" ? this.stream.getAudioTracks() : this.stream.getVideoTracks();
    return tracks[0];
  }

  isOn(kind: DeviceKind): boolean {
    return this.track(kind)?.enabled ?? false;
  }

  /** Starts both, or the one that there is. Resolves with what is missing, in words; never rejects. */
  startBoth(): Promise<string | undefined> {
    this.#starting ??= this.#startBoth().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Starts one; resolves with why not, in words. */
  async start(kind: DeviceKind): Promise<string | undefined> {
    if (this.track(kind) !== undefined) return undefined;
    try {
      this.#keep(await navigator.mediaDevices.getUserMedia({ [kind]: CONSTRAINTS[kind] }));
      return undefined;
    } catch (error) {
      return describeDeviceError(error, NAMES[kind]);
    }
  }

  setOn(kind: DeviceKind, on: boolean): void {
    const track = this.track(kind);
    if (track !== undefined) track.enabled = on;
  }

  /** Lets go of the devices: their lights go out. */
  stop(): void {
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
  }

  async #startBoth(): Promise<string | undefined> {
    if (this.track("audio") !== undefined && this.track("video") !== undefined) return undefined;
    try {
      this.#keep(await navigator.mediaDevices.getUserMedia(CONSTRAINTS));
      return undefined;
    } catch (error) {
      // A refusal is for both: asking again would only be a second prompt.
      const isRefusal = error instanceof DOMException && error.name === "NotAllowedError";
      const problems = isRefusal ? [] : [await this.start("audio"), await this.start("video")];
      const hasNothing = this.stream.getTracks().length === 0;
      if (hasNothing) return describeDeviceError(error, "camera and microphone");
      return problems.find((problem) => problem !== undefined);
    }
  }

  #keep(stream: MediaStream): void {
    for (const track of stream.getTracks()) {
      const kind = track.kind === "audio" ? "audio" : "video";
      if (this.track(kind) === undefined) this.stream.addTrack(track);
      else track.stop();
    }
  }
}
