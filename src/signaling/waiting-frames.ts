/** Frames that wait, in order and within a bound, while a join is being decided. */

const MAX_FRAMES = 64;
const MAX_MESSAGE_SIZES = 4;

/** Most connections never wait. */
const NONE: string[] = [];

export class WaitingFrames {
  readonly #maxLength: number;
  #frames = NONE;
  #length = 0;

  /** All of them together are at most four messages of the greatest length. */
  constructor(maxMessageLength: number) {
    this.#maxLength = maxMessageLength * MAX_MESSAGE_SIZES;
  }

  /** False when there is no room. */
  push(text: string): boolean {
    if (this.#frames.length >= MAX_FRAMES || this.#length + text.length > this.#maxLength) return false;
    if (this.#frames === NONE) this.#frames = [text];
    else this.#frames.push(text);
    this.#length += text.length;
    return true;
  }

  shift(): string | undefined {
    const text = this.#frames.shift();
    this.#length -= text?.length ?? 0;
    return text;
  }

  clear(): void {
    this.#frames = NONE;
    this.#length = 0;
  }
}
