/** What a socket says first: take the seat back, or a fresh create or join. */

import type { Request } from "./requests.ts";

/** What takes a seat back: of this connection, or kept by a page over a reload. */
export interface Resumption {
  readonly resumeToken: string;
  readonly lastSeq: number;
  /** Of the server that has the seat. */
  readonly url?: string;
}

export interface JoinRequestOptions {
  readonly create: boolean;
  readonly room: string;
  readonly name: string | undefined;
  readonly token: string | undefined;
}

const PROTOCOL_VERSION = 1;

export function resumeRequest({ resumeToken, lastSeq }: Resumption): Request {
  return { type: "join", v: PROTOCOL_VERSION, resumeToken, lastSeq };
}

/** Who created the room joins it later again: it may live on with the others in it. */
export function freshRequest({ room, name, token }: JoinRequestOptions, isCreate: boolean): Request {
  return {
    type: isCreate ? "create" : "join",
    v: PROTOCOL_VERSION,
    room,
    ...(name === undefined ? {} : { name }),
    ...(token === undefined ? {} : { token }),
  };
}
