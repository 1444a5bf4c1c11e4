/** Everything that `call.on` tells. */

import type { IceServer, LeaveReason } from "../signaling/protocol.ts";
import type { TurnpikeError } from "./errors.ts";
import type { Path } from "./path.ts";
import type { Peer } from "./peer.ts";
import type { IceServerError } from "./peer-link.ts";

/**
 * Why a call is over:
 * - `left`: this side called `leave`
 * - `room-closed`: the room ended; `detail` is `left` (the other hung up), `closed` or `shutdown`
 * - `kicked`: `detail` is the server's reason
 * - `replaced`: another socket took this seat (the page was opened twice)
 * - `unauthorized`, `refused`: the server did not let us back in; `error` says why
 * - `connection-lost`: the server was not reached again within ten minutes, and no member is connected any more
 */
export type ClosedReason =
  | "left"
  | "room-closed"
  | "kicked"
  | "replaced"
  | "unauthorized"
  | "refused"
  | "connection-lost";

export interface CallEvents {
  /** Back in the room: `resumed` in the old seat, with everything missed told; otherwise in a new one, and all peers are new. */
  joined: { readonly resumed: boolean; readonly peers: readonly Peer[] };
  "peer-joined": { readonly peer: Peer };
  /** `replaced`: this side lost its seat; the same person may come back as another peer. */
  "peer-left": { readonly peer: Peer; readonly reason: LeaveReason | "replaced" };
  /** The member's connection to the server dropped; its media may go on. */
  "peer-away": { readonly peer: Peer };
  "peer-back": { readonly peer: Peer };
  /** A track of another member; as RTCTrackEvent. */
  track: {
    readonly peer: Peer;
    readonly track: MediaStreamTrack;
    readonly streams: readonly MediaStream[];
    readonly transceiver: RTCRtpTransceiver;
  };
  /** From here on `call.send` reaches this peer. */
  "channel-open": { readonly peer: Peer; readonly channel: RTCDataChannel };
  /** `via: "channel"`: sent with `send`, a string or an ArrayBuffer. `via: "server"`: sent with `post`, any JSON. */
  message:
    | { readonly peer: Peer; readonly via: "channel"; readonly data: string | ArrayBuffer }
    | { readonly peer: Peer; readonly via: "server"; readonly data: unknown };
  /** RTCPeerConnection.connectionState of one peer. */
  "connection-state": { readonly peer: Peer; readonly state: RTCPeerConnectionState };
  /** How a peer is connected, or its round-trip time, changed; every two seconds at most. */
  path: { readonly peer: Peer; readonly path: Path };
  /** Fresh iceServers; they are in every RTCPeerConnection already. `expiresAt` in Unix seconds. */
  "ice-servers": { readonly iceServers: readonly IceServer[]; readonly expiresAt: number };
  /** The connection to the server; calls go on without it. */
  signaling: { readonly state: "connected" | "reconnecting" };
  /** The server is about to go down. */
  "go-away": { readonly graceSeconds: number; readonly url: string | undefined };
  /** For developers' eyes: from the server, and `ice-server-error` when a STUN or TURN server was not reached. */
  notice: { readonly code: string; readonly detail: Readonly<Record<string, unknown>> | IceServerError };
  /** Something failed that nobody waits for. The call goes on. */
  error: TurnpikeError;
  /** The last event. */
  closed: {
    readonly reason: ClosedReason;
    readonly detail: string | undefined;
    readonly error: TurnpikeError | undefined;
  };
}
