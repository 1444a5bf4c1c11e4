import { expect, test } from "vitest";
import { buildIceServers, type TurnPorts } from "../../../src/credentials/ice-servers.ts";

const CREDENTIAL = { username: "1700000000:ann", credential: "x" };
const ONLY_UDP: TurnPorts = { udp: 3478, tcp: undefined, tls: undefined };
const EVERYTHING: TurnPorts = { udp: 3478, tcp: 3479, tls: 443 };

function urlsOf(host: string, ports: TurnPorts, hostIsPublic = true): string[] {
  return buildIceServers({ host, ports, hostIsPublic }, CREDENTIAL).flatMap(({ urls }) => urls);
}

test("STUN without credentials, TURN with them", () => {
  expect(buildIceServers({ host: "call.example", ports: ONLY_UDP, hostIsPublic: true }, CREDENTIAL)).toEqual([
    { urls: ["stun:call.example:3478"] },
    { urls: ["turn:call.example:3478?transport=udp"], username: "1700000000:ann", credential: "x" },
  ]);
});

test("every transport that is open, UDP first", () => {
  expect(urlsOf("call.example", EVERYTHING)).toEqual([
    "stun:call.example:3478",
    "turn:call.example:3478?transport=udp",
    "turn:call.example:3479?transport=tcp",
    "turns:call.example:443?transport=tcp",
  ]);
});

test("TLS only with the name that the operator gave: a certificate is for a name", () => {
  expect(urlsOf("192.0.2.7", EVERYTHING, false)).toEqual([
    "stun:192.0.2.7:3478",
    "turn:192.0.2.7:3478?transport=udp",
    "turn:192.0.2.7:3479?transport=tcp",
  ]);
});

test("an IPv6 address stands in brackets", () => {
  expect(urlsOf("2001:db8::1", { udp: 1, tcp: 2, tls: 3 })).toEqual([
    "stun:[2001:db8::1]:1",
    "turn:[2001:db8::1]:1?transport=udp",
    "turn:[2001:db8::1]:2?transport=tcp",
    "turns:[2001:db8::1]:3?transport=tcp",
  ]);
});
