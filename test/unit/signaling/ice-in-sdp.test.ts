import { describe, expect, test } from "vitest";
import { readCandidate, readSdp } from "../../../src/signaling/ice-in-sdp.ts";

const PASSWORD = "asd88fgpdd777uzjYhagZg";
const OTHER_PASSWORD = "YH75Fviy6338Vbrhrlp8Yh";
const HOST = "candidate:1 1 udp 2122260223 81.2.69.7 54321 typ host";
const NOTHING = { addresses: [], icePasswords: [] };

function sdp(...lines: readonly string[]): string {
  return ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", ...lines, ""].join("\r\n");
}

describe("a candidate", () => {
  test.each([
    ["of the host", HOST, "81.2.69.7"],
    ["as a line of SDP", `a=${HOST}`, "81.2.69.7"],
    ["with a line end", `${HOST}\r\n`, "81.2.69.7"],
    ["in capitals", HOST.replace("udp", "UDP"), "81.2.69.7"],
    ["of component 2", HOST.replace(" 1 udp", " 2 udp"), "81.2.69.7"],
    ["over IPv6", HOST.replace("81.2.69.7", "2a02:8100::7"), "2a02:8100::7"],
    [
      "of another relay",
      "candidate:3 1 udp 1 89.160.20.9 3478 typ relay raddr 10.0.0.1 rport 9",
      "89.160.20.9",
    ],
    [
      "with extensions",
      `${HOST} generation 0 ufrag EEtu network-id 3 network-cost 10 some-day in`,
      "81.2.69.7",
    ],
    ["with an mDNS name", HOST.replace("81.2.69.7", "f1d2.local"), "f1d2.local"],
  ])("%s tells its connection-address, as it stands there", (_name, candidate, address) => {
    expect(readCandidate(candidate)).toEqual({ addresses: [address], icePasswords: [] });
  });

  test("tells nothing of what stands behind raddr", () => {
    const reflexive = "candidate:2 1 udp 1686052607 81.2.69.7 54321 typ srflx raddr 192.168.1.5 rport 54321";
    expect(readCandidate(reflexive).addresses).toEqual(["81.2.69.7"]);
  });

  test.each([
    ["the end of candidates", ""],
    ["over TCP", "candidate:4 1 tcp 1518280447 81.2.69.7 9 typ host tcptype active"],
    ["of a transport that nobody knows", HOST.replace("udp", "udp6")],
    ["without a type", "candidate:1 1 udp 2122260223 81.2.69.7 54321 typ"],
    ["without typ", "candidate:1 1 udp 2122260223 81.2.69.7 54321 host typ"],
    ["cut off", "candidate:1 1 udp 2122260223 81.2.69.7"],
    ["without its name", "1 1 udp 2122260223 81.2.69.7 54321 typ host"],
    ["of another name", HOST.replace("candidate", "remote-candidates")],
    ["longer than any candidate", HOST + " x y".repeat(512)],
    ["on a second line", `\n${HOST}`],
  ])("%s tells nothing", (_name, candidate) => {
    expect(readCandidate(candidate)).toEqual(NOTHING);
    expect(readCandidate(HOST).addresses).toHaveLength(1);
  });
});

describe("a session description", () => {
  test("without trickle: addresses and passwords of all its media, each once", () => {
    const media = (password: string) => [
      "m=audio 9 UDP/TLS/RTP/SAVPF 111",
      "a=ice-ufrag:EEtu",
      `a=ice-pwd:${password}`,
      `a=${HOST}`,
      "a=candidate:2 1 udp 1686052607 89.160.20.7 54321 typ srflx raddr 192.168.1.5 rport 54321",
      "a=candidate:4 1 tcp 1518280447 89.160.20.8 9 typ host tcptype active",
      "a=end-of-candidates",
    ];
    expect(readSdp(sdp(...media(PASSWORD), ...media(PASSWORD), ...media(OTHER_PASSWORD)))).toEqual({
      addresses: ["81.2.69.7", "89.160.20.7"],
      icePasswords: [PASSWORD, OTHER_PASSWORD],
    });
  });

  test("with trickle: the passwords alone", () => {
    const text = sdp("m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 81.2.69.7", `a=ice-pwd:${PASSWORD}`);
    expect(readSdp(text)).toEqual({ addresses: [], icePasswords: [PASSWORD] });
  });

  test("a password on the level of the session counts", () => {
    expect(readSdp(sdp(`a=ice-pwd:${PASSWORD}`, "m=audio 9 X 0", `a=${HOST}`))).toEqual({
      addresses: ["81.2.69.7"],
      icePasswords: [PASSWORD],
    });
  });

  test("lines may end with a line feed alone, and the last one with nothing", () => {
    expect(readSdp(`v=0\na=ice-pwd:${PASSWORD}\na=${HOST}`)).toEqual({
      addresses: ["81.2.69.7"],
      icePasswords: [PASSWORD],
    });
  });

  test.each([
    ["too short", PASSWORD.slice(1)],
    ["too long", "x".repeat(257)],
    ["with a space", `${PASSWORD} x`],
    ["with a letter that is not ASCII", `${PASSWORD}é`],
  ])("a password %s is none", (_name, password) => {
    expect(readSdp(sdp(`a=ice-pwd:${password}`, `a=ice-pwd:${PASSWORD}`)).icePasswords).toEqual([PASSWORD]);
  });

  test("what is only like a candidate tells nothing", () => {
    const lines = [HOST, `b=${HOST}`, ` a=${HOST}`, `a=x ${HOST}`, `a=remote-${HOST}`, `i=a=${HOST}`];
    expect(readSdp(sdp(...lines))).toEqual(NOTHING);
  });

  test("addresses and passwords are bounded, and so are lines", () => {
    const candidates = Array.from({ length: 200 }, (_, i) => `a=${HOST.replace(".7 ", `.${i} `)}`);
    const passwords = Array.from({ length: 20 }, (_, i) => `a=ice-pwd:${PASSWORD}${i}`);
    const { addresses, icePasswords } = readSdp(sdp(...candidates, ...passwords));
    expect(addresses).toHaveLength(64);
    expect(icePasswords).toHaveLength(8);
    expect(readSdp(`${"\n".repeat(20_000)}a=${HOST}`)).toEqual(NOTHING);
  });

  test.each([
    ["one line", "x".repeat(1_000_000)],
    ["one candidate", `a=candidate:${"1 ".repeat(500_000)}`],
    ["line ends", "\r\n".repeat(500_000)],
    ["candidates without an end", "a=candidate:".repeat(85_000)],
    ["candidates by the line", `a=${HOST}\n`.repeat(17_000)],
  ])("1 MB of %s is read in no time", (_name, junk) => {
    const startedAt = performance.now();
    expect(readSdp(junk).addresses.length).toBeLessThanOrEqual(1);
    expect(readCandidate(junk).addresses.length).toBeLessThanOrEqual(1);
    expect(performance.now() - startedAt).toBeLessThan(250);
  });
});
