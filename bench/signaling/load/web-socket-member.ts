/** Members that speak JSON over a WebSocket: ours, the bare relay's, PeerJS's. */

import { once } from "node:events";
import { get } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import type { Signal } from "../messages.ts";
import type { Dialect, Member } from "./member.ts";

interface Words {
  url(): string | Promise<string>;
  /** Undefined: connecting is joining. */
  readonly hello: string | undefined;
  /** Undefined: going away is leaving. */
  goodbye?(): string;
  /** Of the frame that says that the member is in. */
  readonly joinedType: string;
  /** Of the answers to messages; undefined: there are none. */
  readonly answerType: string | undefined;
  encode(signal: Signal): string;
}

const TYPE = /^\{"type":"([^"]+)"/;
const TYPES: ReadonlyMap<string, Signal["type"]> = new Map([
  ["offer", "offer"],
  ["answer", "answer"],
  ["candidate", "candidate"],
  ["OFFER", "offer"],
  ["ANSWER", "answer"],
  ["CANDIDATE", "candidate"],
]);
/** Nobody is alarmed by the arrival of the other. */
const NEWS: ReadonlySet<string> = new Set(["peer-joined", "peer-left", "peer-away", "room-closed"]);

class WebSocketMember implements Member {
  onSignal: Member["onSignal"] = () => {};
  unanswered = 0;
  readonly #words: Words;
  readonly #localAddress: string;
  #socket: WebSocket | undefined;
  #joined: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(words: Words, localAddress: string) {
    this.#words = words;
    this.#localAddress = localAddress;
  }

  async join(): Promise<void> {
    const options = { localAddress: this.#localAddress, perMessageDeflate: false };
    const socket = new WebSocket(await this.#words.url(), options);
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      this.#joined = resolve;
      this.#failed = reject;
      socket.on("open", () => {
        if (this.#words.hello !== undefined) socket.send(this.#words.hello);
      });
      socket.on("message", (data) => this.#read(String(data)));
      socket.on("error", reject);
      socket.on("close", (code) => reject(new Error(`the server closed with ${code}`)));
    });
  }

  send(signal: Signal): void {
    if (this.#words.answerType !== undefined) this.unanswered++;
    this.#socket?.send(this.#words.encode(signal));
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    if (this.#words.goodbye !== undefined) socket.send(this.#words.goodbye());
    socket.close();
    await once(socket, "close");
  }

  #read(frame: string): void {
    const type = TYPE.exec(frame)?.[1] ?? "";
    const signal = TYPES.get(type);
    if (signal !== undefined) this.onSignal(signal);
    else if (type === this.#words.answerType) this.unanswered--;
    else if (type === this.#words.joinedType) this.#joined?.();
    else if (!NEWS.has(type)) this.#failed?.(new Error(`the server said ${frame.slice(0, 200)}`));
  }
}

export const turnpike: Dialect = ({ url, room, localAddress }) => {
  let ref = 1;
  return new WebSocketMember(
    {
      url: () => `${url}/signal`,
      hello: JSON.stringify({ type: "join", v: 1, ref: ref++, room }),
      // A connection that is lost is no leave: the seat would wait for it.
      goodbye: () => JSON.stringify({ type: "leave", ref: ref++ }),
      joinedType: "joined",
      answerType: "ok",
      encode: ({ type, ...body }) => JSON.stringify({ type, ref: ref++, ...body }),
    },
    localAddress,
  );
};

export const bareWs: Dialect = ({ url, room, localAddress }) =>
  new WebSocketMember(
    {
      url: () => url,
      hello: JSON.stringify({ type: "join", room }),
      joinedType: "joined",
      answerType: undefined,
      encode: (signal) => JSON.stringify(signal),
    },
    localAddress,
  );

/**
 * PeerJS's client without an id of its own: it asks for one over HTTP, and connects with it. There are no rooms; each member knows the
 * other's id.
 */
export const peer: Dialect = ({ url, meeting, index, localAddress }) => {
  const words: Words = {
    async url() {
      const id = await fetchText(`${url.replace("ws:", "http:")}/peerjs/id`, localAddress);
      meeting.ids[index] = id;
      return `${url}/peerjs?${new URLSearchParams({ key: "peerjs", id, token: id })}`;
    },
    hello: undefined,
    joinedType: "OPEN",
    answerType: undefined,
    encode: ({ type, ...payload }) =>
      JSON.stringify({ type: type.toUpperCase(), dst: meeting.ids[1 - index], payload }),
  };
  return new WebSocketMember(words, localAddress);
};

/** Over a connection of its own, as every browser has one. */
function fetchText(url: string, localAddress: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { localAddress, agent: false }, (response) => text(response).then(resolve, reject)).on(
      "error",
      reject,
    );
  });
}
