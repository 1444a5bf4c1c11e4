import { describe, expect, test } from "vitest";
import { protocolOf } from "../../../src/net/port-demux.ts";
import { METHOD } from "../../../src/stun/registry.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const text = (words: string) => Buffer.from(words, "latin1");

describe("the first bytes of a connection say what it is", () => {
  const cases: [string, Uint8Array, ReturnType<typeof protocolOf>][] = [
    ["nothing yet", text(""), "undecided"],
    ["a TLS handshake", Buffer.from("1603010200", "hex"), "tls"],
    ["its first byte", Uint8Array.of(0x16), "tls"],
    ["a Binding request's first byte", Uint8Array.of(0), "turn"],
    ["ChannelData of the first channel", Buffer.from("40000001", "hex"), "turn"],
    ["ChannelData of a channel that begins with a capital letter", Buffer.from("47000001", "hex"), "turn"],
    ["a capital letter alone", text("G"), "undecided"],
    ["a line break before a request", text("\r\nGET"), "turn"],
    ["another protocol's capital letters, which node:http refuses", text("SSH-2.0"), "http"],
    ["RTP, and all else above 0x7f", Uint8Array.of(0x80), "garbage"],
    ["", Uint8Array.of(0xff, 0x41), "garbage"],
  ];
  for (const [name, bytes, protocol] of cases) {
    test(`${name || Buffer.from(bytes).toString("hex")}: ${protocol}`, () => {
      expect(protocolOf(bytes)).toBe(protocol);
    });
  }

  test("every method of HTTP that is served, whole or its first two letters", () => {
    for (const method of ["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PRI"]) {
      expect(protocolOf(text(`${method} / HTTP/1.1`))).toBe("http");
      expect(protocolOf(text(method.slice(0, 2)))).toBe("http");
    }
  });

  test("every method of STUN and TURN", () => {
    for (const method of Object.values(METHOD)) {
      expect(protocolOf(encodeRequest(method, [], undefined))).toBe("turn");
    }
  });
});
