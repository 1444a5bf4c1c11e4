/** Shows how loud the microphone hears, while the lobby is open. */

import type { Devices } from "./devices.ts";

export class LevelMeter {
  readonly #bar: HTMLElement;
  #context: AudioContext | undefined;
  #frame = 0;

  constructor(bar: HTMLElement) {
    this.#bar = bar;
  }

  start({ stream }: Devices): void {
    this.stop();
    if (stream.getAudioTracks().length === 0) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // Speech is at about 0.05 to 0.2: the root's root makes the bar move where people talk.
      this.#bar.style.setProperty("--level", Math.min(1, power ** 0.25 * 1.4).toFixed(3));
      this.#frame = requestAnimationFrame(draw);
    };
    this.#context = context;
    draw();
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    void this.#context?.close();
    this.#context = undefined;
  }
}
