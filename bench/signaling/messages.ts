/** What the members of a room say to each other: browsers' descriptions and candidates, by size and shape. */

export type Signal =
  | { readonly type: "offer" | "answer"; readonly description: { type: "offer" | "answer"; sdp: string } }
  | { readonly type: "candidate"; readonly candidate: Readonly<Record<string, string | number>> };

const SDP_BYTES = 2000;
/** Of each member. */
export const CANDIDATES = 10;
/** Of a room: an offer, an answer, the candidates of both. */
export const MESSAGES_PER_ROOM = 2 + 2 * CANDIDATES;

export const OFFER: Signal = { type: "offer", description: { type: "offer", sdp: makeSdp() } };
export const ANSWER: Signal = { type: "answer", description: { type: "answer", sdp: makeSdp() } };
export const CANDIDATE_LIST: readonly Signal[] = Array.from({ length: CANDIDATES }, (_, index) => ({
  type: "candidate",
  candidate: {
    candidate: `candidate:${842163049 + index} 1 udp ${1677729535 - index} 198.51.100.${7 + index} ${50_000 + index} typ srflx raddr 10.0.0.7 rport ${40_000 + index} generation 0 ufrag 4ZcD network-cost 999`,
    sdpMid: "0",
    sdpMLineIndex: 0,
    usernameFragment: "4ZcD",
  },
}));

/** Lines as a browser writes them, up to the size that an offer with audio, or one with data alone, has. */
function makeSdp(): string {
  const lines = [
    "v=0",
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS 3c5a8e0e-8f0d-4d3c-9a52-6b1f6b2a7c11",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:4ZcD",
    "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlp3",
    "a=ice-options:trickle",
    `a=fingerprint:sha-256 ${Array.from({ length: 32 }, (_, i) => (i * 7 + 16).toString(16).toUpperCase()).join(":")}`,
    "a=setup:actpass",
    "a=mid:0",
    "a=sendrecv",
    "a=rtcp-mux",
  ];
  let sdp = `${lines.join("\r\n")}\r\n`;
  for (let payloadType = 96; sdp.length < SDP_BYTES; payloadType++)
    sdp += `a=rtpmap:${payloadType} opus/48000/2\r\na=rtcp-fb:${payloadType} transport-cc\r\na=fmtp:${payloadType} minptime=10;useinbandfec=1\r\n`;
  return sdp;
}
