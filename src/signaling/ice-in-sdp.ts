/**
 * What the relay must know of the ICE that passes by: the addresses that a member may be reached at, and the passwords that prove it.
 * SDP is walked by lines and lines by tokens, with a bound on all of it; nothing here throws, and no name is resolved.
 */

export interface SignalledIce {
  /** Connection-addresses of UDP candidates, as they stand there: a name may be among them, and what is no address at all. */
  readonly addresses: readonly string[];
  readonly icePasswords: readonly string[];
}

const MAX_LINES = 10_000;
/** A candidate line takes 150 characters, with extensions 300; what is longer is none. */
const MAX_LINE_LENGTH = 1024;
/** Of one message. A browser names some five addresses, and the relay keeps sixteen of a member. */
const MAX_ADDRESSES = 64;
const MAX_PASSWORDS = 8;

/** RFC 8839 section 5.4: 22 to 256 characters. */
const MIN_PASSWORD_LENGTH = 22;
const MAX_PASSWORD_LENGTH = 256;

const CANDIDATE = "candidate:";
const CANDIDATE_LINE = "a=candidate:";
const PASSWORD_LINE = "a=ice-pwd:";

/** Of a session description: candidates, and passwords on the level of the session and of its media. */
export function readSdp(sdp: string): SignalledIce {
  const addresses = new Set<string>();
  const icePasswords = new Set<string>();
  for (let start = 0, lines = 0; start < sdp.length && lines < MAX_LINES; lines++) {
    const newline = sdp.indexOf("\n", start);
    const end = newline < 0 ? sdp.length : newline;
    if (sdp.startsWith("a=", start)) {
      const line = lineAt(sdp, start, end);
      if (line.startsWith(CANDIDATE_LINE)) addTo(addresses, MAX_ADDRESSES, connectionAddress(line));
      else if (line.startsWith(PASSWORD_LINE)) addTo(icePasswords, MAX_PASSWORDS, icePassword(line));
    }
    start = end + 1;
  }
  return { addresses: [...addresses], icePasswords: [...icePasswords] };
}

/** Of RTCIceCandidateInit's `candidate`, with or without "a=" before it; "" says that there are no more. */
export function readCandidate(candidate: string): SignalledIce {
  const newline = candidate.indexOf("\n");
  const line = lineAt(candidate, 0, newline < 0 ? candidate.length : newline);
  const address = connectionAddress(line);
  return { addresses: address === undefined ? [] : [address], icePasswords: [] };
}

function lineAt(text: string, start: number, end: number): string {
  const hasReturn = end > start && text.charCodeAt(end - 1) === 0x0d;
  const lineEnd = hasReturn ? end - 1 : end;
  return lineEnd - start > MAX_LINE_LENGTH ? "" : text.slice(start, lineEnd);
}

/**
 * RFC 8839 section 5.1: foundation, component, transport, priority, connection-address, port, "typ", type, and more. What stands behind
 * "raddr" is where the member reaches a STUN server from, nowhere that anybody sends to.
 */
function connectionAddress(line: string): string | undefined {
  const start = line.startsWith("a=") ? 2 : 0;
  if (!line.startsWith(CANDIDATE, start)) return undefined;
  const component = tokenAfter(line, start + CANDIDATE.length);
  const transport = tokenAfter(line, component);
  const priority = tokenAfter(line, transport);
  const address = tokenAfter(line, priority);
  const port = tokenAfter(line, address);
  const typ = tokenAfter(line, port);
  const type = tokenAfter(line, typ);
  // The last token must be there, and have something in it.
  if (type >= line.length || line.startsWith(" ", type) || !line.startsWith("typ ", typ)) return undefined;
  if (line.slice(transport, priority - 1).toLowerCase() !== "udp") return undefined;
  return line.slice(address, port - 1);
}

/** Where the token after the one at `start` begins: behind the end of the line where there is none. */
function tokenAfter(line: string, start: number): number {
  const space = line.indexOf(" ", start);
  return space < 0 ? line.length + 1 : space + 1;
}

function icePassword(line: string): string | undefined {
  const password = line.slice(PASSWORD_LINE.length);
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) return undefined;
  for (let i = 0; i < password.length; i++) {
    const code = password.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return undefined;
  }
  return password;
}

function addTo(set: Set<string>, max: number, value: string | undefined): void {
  if (value !== undefined && set.size < max) set.add(value);
}
