/** What the members of a room say to each other: browsers' descriptions and candidates, by size and shape. */

export type Signal =
  | { readonly type: "offer" | "answer"; readonly description: { type: "offer" | "answer"; sdp: string } }
  | { readonly type: "candidate"; readonly candidate: Readonly<Record<string, string | number>> };

const SDP_BYTES = 2000;
/** Of a room: an offer, an answer, the candidates of both. */
export const MESSAGES_PER_ROOM = 22;

export const OFFER: Signal = { type: "offer", description: { type: "offer", sdp: makeSdp() } };
export const ANSWER: Signal = { type: "answer", description: { type: "answer", sdp: makeSdp() } };
/** As a browser finds them: private addresses, the same public one again and again, and relayed ones. */
const ADDRESSES: readonly (readonly [ip: string, type: string])[] = [
  ["192.168.1.23", "host"],
  ["10.8.0.2", "host"],
  ["172.17.0.1", "host"],
  ["89.14.203.77", "srflx raddr 192.168.1.23 rport 51234"],
  ["89.14.203.77", "srflx raddr 10.8.0.2 rport 51235"],
  ["89.14.203.77", "srflx raddr 172.17.0.1 rport 51236"],
  ["45.83.20.7", "relay raddr 89.14.203.77 rport 51234"],
  ["45.83.20.7", "relay raddr 89.14.203.77 rport 51235"],
  ["45.83.20.7", "relay raddr 89.14.203.77 rport 51236"],
  ["45.83.20.8", "relay raddr 89.14.203.77 rport 51237"],
];
export const CANDIDATE_LIST: readonly Signal[] = ADDRESSES.map(([ip, kind], index) => ({
  type: "candidate",
  candidate: {
    candidate: `candidate:${842163049 + index} 1 udp ${1677729535 - index} ${ip} ${50_000 + index} typ ${kind} generation 0 ufrag 4ZcD network-id 1 network-cost 10`,
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
