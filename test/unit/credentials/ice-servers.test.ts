import { expect, test } from "vitest";
import { buildIceServers } from "../../../src/credentials/ice-servers.ts";

const CREDENTIAL = { username: "1700000000:ann", credential: "x" };

test("STUN without credentials, TURN with them", () => {
  expect(buildIceServers({ host: "call.example", turnPort: 3478 }, CREDENTIAL)).toEqual([
    { urls: ["stun:call.example:3478"] },
    { urls: ["turn:call.example:3478?transport=udp"], username: "1700000000:ann", credential: "x" },
  ]);
});

test("an IPv6 address stands in brackets", () => {
  const urls = buildIceServers({ host: "2001:db8::1", turnPort: 1 }, CREDENTIAL).flatMap(
    (server) => server.urls,
  );
  expect(urls).toEqual(["stun:[2001:db8::1]:1", "turn:[2001:db8::1]:1?transport=udp"]);
});
