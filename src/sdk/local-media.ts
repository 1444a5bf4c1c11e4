/** The tracks that this side sends: given once, they go to every member, also to those who come later. */

export class LocalMedia {
  readonly #tracks = new Map<MediaStreamTrack, readonly MediaStream[]>();

  /** False: the track was there already. */
  add(track: MediaStreamTrack, streams: readonly MediaStream[]): boolean {
    if (this.#tracks.has(track)) return false;
    this.#tracks.set(track, streams);
    return true;
  }

  remove(track: MediaStreamTrack): boolean {
    return this.#tracks.delete(track);
  }

  /** Puts another track in the place of one; its streams stay. False: the old one is not there. */
  replace(old: MediaStreamTrack, replacement: MediaStreamTrack): boolean {
    const streams = this.#tracks.get(old);
    if (streams === undefined) return false;
    this.#tracks.delete(old);
    this.#tracks.set(replacement, streams);
    return true;
  }

  /** Adds every track to a new connection. */
  attach(connection: RTCPeerConnection): void {
    for (const [track, streams] of this.#tracks) connection.addTrack(track, ...streams);
  }

  clear(): void {
    this.#tracks.clear();
  }
}

export function findSender(connection: RTCPeerConnection, track: MediaStreamTrack): RTCRtpSender | undefined {
  return connection.getSenders().find((sender) => sender.track === track);
}
