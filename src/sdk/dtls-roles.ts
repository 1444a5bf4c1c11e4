/**
 * Who is the DTLS client of a connection is settled by its first answer, and stays so as long as the connection lives (RFC 8842 section
 * 5.5). Firefox answers an offer that restarts ICE with `a=setup:active` also where it is the server, and Chromium refuses such an
 * answer ("Failed to set SSL role"): the path would never change. So later answers are put right, on both sides.
 */

import type { SessionDescription } from "../signaling/protocol.ts";

type Role = "active" | "passive";

const SETUP = /^a=setup:(active|passive)\b/m;

export class DtlsRoles {
  /** The other side's. */
  #remote: Role | undefined;

  /** One of this side's descriptions, as it is to be sent. */
  sent(description: SessionDescription): SessionDescription {
    const role = roleIn(description);
    if (role === undefined) return description;
    this.#remote ??= opposite(role);
    return withRole(description, opposite(this.#remote));
  }

  /** One of the other side's, as it is to be applied. */
  received(description: SessionDescription): SessionDescription {
    const role = roleIn(description);
    if (role === undefined) return description;
    this.#remote ??= role;
    return withRole(description, this.#remote);
  }
}

/** Undefined: this is no answer, and says `actpass`. */
function roleIn({ type, sdp }: SessionDescription): Role | undefined {
  return type === "answer" ? (SETUP.exec(sdp ?? "")?.[1] as Role | undefined) : undefined;
}

function withRole(description: SessionDescription, role: Role): SessionDescription {
  const sdp = (description.sdp ?? "").replaceAll(new RegExp(SETUP, "gm"), `a=setup:${role}`);
  return { ...description, sdp };
}

function opposite(role: Role): Role {
  return role === "active" ? "passive" : "active";
}
