/** One client of the relay over TCP or TLS: framing, back-pressure, and an end in time. */

import type { Socket } from "node:net";
import type { TransportAddress } from "../stun/address.ts";
import {
  CHANNEL_DATA_HEADER_BYTES,
  startsChannelData,
  writeChannelDataHeader,
} from "../turn/channel-data.ts";
import type { ClientConnection, ClientLink, LinkHolding } from "../turn/ports.ts";
import { MAX_FRAME_BYTES, StreamFramer } from "../turn/stream-framer.ts";
import type { PeerStream, StreamMeter } from "../turn/tcp-ports.ts";
import type { TurnServer } from "../turn/turn-server.ts";
import { type FrameWriter, TcpWriter, TlsWriter } from "./frame-writer.ts";
import type { DuplexPeerStream } from "./peer-stream.ts";
import type { WriteBatch } from "./write-batch.ts";

/** What waits in the process for a client that does not read; above it packets are lost, as they would be over UDP. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** Of a client that holds nothing: no request is larger, and what has not authenticated must not pin 64 KB. */
const MAX_STRANGER_FRAME_BYTES = 4096;
const PADDING = 4;

export interface StreamTimeouts {
  /** Until the first whole STUN message. */
  readonly firstMessageMs: number;
  /** Between STUN messages of a client that holds no allocation. */
  readonly idleMs: number;
}

export interface StreamLinkOptions {
  readonly socket: Socket;
  readonly transport: "tcp" | "tls";
  readonly remote: TransportAddress;
  readonly local: TransportAddress;
  readonly turn: TurnServer;
  readonly batch: WriteBatch;
  readonly timeouts: StreamTimeouts;
  /** Takes the listeners off the socket: it is a relayed connection now. */
  readonly letGo: () => void;
}

interface Carried {
  readonly stream: DuplexPeerStream;
  readonly meter: StreamMeter;
}

export class StreamClientLink implements ClientLink {
  readonly transport: "tcp" | "tls";
  readonly remote: TransportAddress;
  readonly local: TransportAddress;
  readonly connection: ClientConnection;
  holding: LinkHolding | undefined = undefined;
  readonly #socket: Socket;
  readonly #turn: TurnServer;
  readonly #writer: FrameWriter;
  readonly #framer: StreamFramer;
  readonly #idleMs: number;
  readonly #letGo: () => void;
  #carried: Carried | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;

  constructor({ socket, transport, remote, local, turn, batch, timeouts, letGo }: StreamLinkOptions) {
    this.transport = transport;
    this.remote = remote;
    this.local = local;
    this.connection = { unauthenticatedAnswers: 0, close: () => socket.destroy() };
    this.#socket = socket;
    this.#turn = turn;
    this.#writer = transport === "tls" ? new TlsWriter(socket, batch) : new TcpWriter(socket, batch);
    this.#framer = new StreamFramer((buffer, start, end) => this.#receiveFrame(buffer, start, end));
    this.#idleMs = timeouts.idleMs;
    this.#letGo = letGo;
    this.#endAfter(timeouts.firstMessageMs);
  }

  /** One segment of the stream. */
  receive(segment: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const maxFrameBytes = this.holding === undefined ? MAX_STRANGER_FRAME_BYTES : MAX_FRAME_BYTES;
    if (this.#framer.push(segment, maxFrameBytes)) {
      if (this.#carried !== undefined) this.#startCarrying(this.#carried);
      return;
    }
    this.#turn.countDrop("malformed");
    this.#socket.destroy();
  }

  /** The socket has closed. */
  closed(): void {
    this.#turn.linkClosed(this);
    this.#stopTimer();
  }

  send(message: Uint8Array): void {
    if (this.#hasRoomFor(message.length)) this.#writer.write(message);
  }

  /** RFC 8656 section 12.5: over TCP and TLS padded to a multiple of four bytes. */
  sendChannelData(channelNumber: number, buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const dataEnd = CHANNEL_DATA_HEADER_BYTES + length;
    const frameBytes = Math.ceil(dataEnd / PADDING) * PADDING;
    if (!this.#hasRoomFor(frameBytes)) return;
    const frame = Buffer.allocUnsafe(frameBytes);
    writeChannelDataHeader(frame, 0, channelNumber, length);
    frame.set(buffer.subarray(start, end), CHANNEL_DATA_HEADER_BYTES);
    frame.fill(0, dataEnd);
    this.#writer.write(frame);
  }

  /** An allocation is there, or on its way: it has a lifetime of its own. */
  retain(): void {
    this.#stopTimer();
  }

  release(): void {
    this.#endAfter(this.#idleMs);
  }

  /** Called while a frame is received, whose answer has been sent. */
  carry(stream: PeerStream, meter: StreamMeter): void {
    this.#stopTimer();
    this.#framer.stop();
    this.#carried = { stream: stream as DuplexPeerStream, meter };
  }

  /** What the client sent behind its ConnectionBind goes first. */
  #startCarrying({ stream, meter }: Carried): void {
    this.#letGo();
    this.#socket.pause();
    // An end is passed on, and the way back stays open.
    this.#socket.allowHalfOpen = true;
    if (this.#framer.rest.length > 0) this.#socket.unshift(this.#framer.rest);
    this.#writer.flush();
    stream.carryFor(this.#socket, meter);
  }

  #receiveFrame(buffer: Uint8Array, start: number, end: number): void {
    // Closed by what came before it in the segment.
    if (this.#socket.destroyed) return;
    const isStun = !startsChannelData(buffer[start] as number);
    this.#turn.receive(this, buffer, start, end);
    if (isStun && this.holding === undefined && this.#carried === undefined) this.#endAfter(this.#idleMs);
  }

  #hasRoomFor(bytes: number): boolean {
    if (!this.#socket.writable) return false;
    if (this.#writer.waitingBytes + bytes <= MAX_WAITING_BYTES) return true;
    this.#turn.countDrop("slow-reader");
    return false;
  }

  #endAfter(ms: number): void {
    if (this.#socket.destroyed) return;
    if (this.#timer !== undefined && this.#timerMs === ms) {
      this.#timer.refresh();
      return;
    }
    this.#stopTimer();
    this.#timerMs = ms;
    this.#timer = setTimeout(() => this.#socket.destroy(), ms);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
