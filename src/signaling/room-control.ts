/** An operator's hand on the rooms: those of this node, or of all of them. */

import type { RoomControl, RoomMember } from "./ports.ts";

/** Nobody can say where the room is, or its node does not answer. */
export class RoomUnavailableError extends Error {
  readonly code = "ERR_TURNPIKE_UNAVAILABLE";

  constructor() {
    super("the room cannot be looked up now");
    this.name = "RoomUnavailableError";
  }
}

export type RoomQuestion =
  | { readonly about: "members"; readonly room: string }
  | { readonly about: "kick"; readonly room: string; readonly peer: string; readonly reason: string }
  | { readonly about: "closeRoom"; readonly room: string };

/** `ask`: answers as `Hub.answer` of the node where the room is; undefined where nobody does. */
export function roomControl(ask: (question: RoomQuestion) => unknown): RoomControl {
  async function answer(question: RoomQuestion): Promise<unknown> {
    const answered = await ask(question);
    if (answered === undefined) throw new RoomUnavailableError();
    return answered;
  }
  return {
    members: async (room) =>
      ((await answer({ about: "members", room })) as readonly RoomMember[] | null) ?? undefined,
    kick: async (room, peer, reason) => (await answer({ about: "kick", room, peer, reason })) === true,
    closeRoom: async (room) => (await answer({ about: "closeRoom", room })) === true,
  };
}
