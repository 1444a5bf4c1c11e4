/**
 * What `turnutils_uclient` is asked to do. `-e -r`: an echo peer (`turnutils_peer`); `-s`: Send indications instead of channels;
 * `-c`: one allocation instead of an RTP and RTCP pair (EVEN-PORT and RESERVATION-TOKEN); `-y`: client to client; `-x`: a relayed
 * IPv6 address; `-Z`: one of each family, without an RTCP pair; `-t`: over TCP; `-t -S`: over TLS.
 *
 * Held against Debian's coturn 4.6.1 too (`--use-auth-secret`, loopback): the tool can do every line of the table there, over UDP and
 * TCP with nothing lost. Over TLS coturn lost a fifth to half of the messages of `-y`, in each of its combinations, and most of
 * one run of `-Z` to IPv6.
 * Not in the table: DTLS (`-S` alone), SCTP (`-b`) and OAuth (`-J`), which this server does not offer.
 */

export interface Place {
  readonly server: string;
  readonly server6: string;
  readonly turnPort: number;
  readonly tlsPort: number;
  readonly peer: string;
  readonly peer6: string;
  readonly peerPort: number;
  /** Runs a command on the client's machine. */
  readonly clientPrefix: readonly string[];
}

export interface Mode {
  readonly name: string;
  /** Flags, and the server as the last word. */
  args(at: Place): readonly string[];
  /** Streams of messages, each as many as `-n` says: two for an RTP and RTCP pair, twice as many from client to client. */
  readonly streams: number;
  /** With its last Refresh uclient gives back one address of two, at random, or both: what is left cannot be counted. */
  readonly isDual?: boolean;
}

export const MODES: readonly Mode[] = [
  { name: "channels", streams: 2, args: (at) => [...echo4(at), at.server] },
  { name: "-s", streams: 2, args: (at) => ["-s", ...echo4(at), at.server] },
  { name: "-c", streams: 1, args: (at) => ["-c", ...echo4(at), at.server] },
  { name: "-c -s", streams: 1, args: (at) => ["-c", "-s", ...echo4(at), at.server] },
  { name: "-y", streams: 4, args: (at) => ["-y", at.server] },
  { name: "-y -s", streams: 4, args: (at) => ["-y", "-s", at.server] },
  { name: "-y -c", streams: 2, args: (at) => ["-y", "-c", at.server] },
  { name: "-x", streams: 2, args: (at) => ["-x", ...echo6(at), at.server6] },
  { name: "-x -s", streams: 2, args: (at) => ["-x", "-s", ...echo6(at), at.server6] },
  { name: "-x -c", streams: 1, args: (at) => ["-x", "-c", ...echo6(at), at.server6] },
  { name: "-x -y", streams: 4, args: (at) => ["-x", "-y", at.server6] },
  { name: "-x from an IPv4 client", streams: 2, args: (at) => ["-x", ...echo6(at), at.server] },
  { name: "an IPv4 relay from an IPv6 client", streams: 2, args: (at) => [...echo4(at), at.server6] },
  { name: "-Z", streams: 1, isDual: true, args: (at) => ["-Z", ...echo4(at), at.server] },
  { name: "-Z -s", streams: 1, isDual: true, args: (at) => ["-Z", "-s", ...echo4(at), at.server] },
  { name: "-Z to IPv6", streams: 1, isDual: true, args: (at) => ["-Z", ...echo6(at), at.server6] },
  { name: "-Z -y", streams: 2, isDual: true, args: (at) => ["-Z", "-y", at.server] },
  {
    name: "-Z -y -s from IPv6 clients",
    streams: 2,
    isDual: true,
    args: (at) => ["-Z", "-y", "-s", at.server6],
  },
];

export const TRANSPORTS = ["udp", "tcp", "tls"] as const;

export type Transport = (typeof TRANSPORTS)[number];

/** The flags that make uclient reach the server over this transport. */
export function reaching(at: Place, transport: Transport): readonly string[] {
  if (transport === "tls") return ["-t", "-S", "-p", String(at.tlsPort)];
  return [...(transport === "tcp" ? ["-t"] : []), "-p", String(at.turnPort)];
}

function echo4(at: Place): readonly string[] {
  return ["-e", at.peer, "-r", String(at.peerPort)];
}

function echo6(at: Place): readonly string[] {
  return ["-e", at.peer6, "-r", String(at.peerPort)];
}
