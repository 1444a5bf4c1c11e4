/**
 * A second data channel beside the application's, on which two browsers that are connected tell each other the ids that they have in
 * the room. It is for the time after the server was restarted: everybody has another seat and another id then, and only the
 * connection knows who is who.
 */

const LABEL = "turnpike-id";
/** As the other channel's, known to both sides. Every browser has room for it, and none gives it to a channel of the application's. */
const CHANNEL_ID = 255;
const MAX_ID_LENGTH = 64;

export interface IntroductionObserver {
  /** The other side's id in the room. */
  introduced(id: string): void;
  /** The other side has closed the connection. */
  parted(): void;
}

export class Introductions {
  readonly #channel: RTCDataChannel;

  constructor(connection: RTCPeerConnection, observer: IntroductionObserver) {
    this.#channel = connection.createDataChannel(LABEL, { negotiated: true, id: CHANNEL_ID });
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      const id = readId(data);
      if (id !== undefined) observer.introduced(id);
    };
    this.#channel.onclose = () => observer.parted();
  }

  get isOpen(): boolean {
    return this.#channel.readyState === "open";
  }

  /** Says this side's id. Nothing happens when the channel is not open. */
  introduce(id: string): void {
    if (this.isOpen) this.#channel.send(JSON.stringify({ id }));
  }

  close(): void {
    this.#channel.onmessage = null;
    this.#channel.onclose = null;
  }
}

function readId(data: unknown): string | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const { id }: { readonly id?: unknown } = Object(JSON.parse(data));
    return typeof id === "string" && id.length <= MAX_ID_LENGTH ? id : undefined;
  } catch {
    return undefined;
  }
}
