import { expect, test } from "vitest";
import { poolIceServers } from "../../../src/credentials/turn-pool.ts";

const CREDENTIAL = { username: "1700000000:r.ann.room", credential: "x" };
const POOL = [
  "stun:one.example:3478",
  "turn:one.example:3478?transport=udp",
  "turns:one.example:443",
  "turn:[2001:db8::2]:3478",
  "turn:Three.example",
];
const ROOMS = Array.from({ length: 60 }, (_, index) => `room-${index}`);

const firstUrl = (roomKey: string) => poolIceServers(POOL, roomKey, CREDENTIAL)[0]?.urls[0];

test("a server's URLs stay together, STUN without credentials", () => {
  const ofOne = ROOMS.map((room) => poolIceServers(POOL, room, CREDENTIAL)).find(
    ([first]) => first?.urls[0] === "stun:one.example:3478",
  );
  expect(ofOne).toEqual([
    { urls: ["stun:one.example:3478"] },
    { urls: ["turn:one.example:3478?transport=udp", "turns:one.example:443"], ...CREDENTIAL },
    { urls: ["turn:[2001:db8::2]:3478"], ...CREDENTIAL },
  ]);
});

test("all members of a room get the same servers, in the same order", () => {
  for (const room of ROOMS) {
    const other = { username: "1700000001:r.bob.room", credential: "y" };
    const urls = (credential: typeof CREDENTIAL) =>
      poolIceServers(POOL, room, credential).map((server) => server.urls);
    expect(urls(other)).toEqual(urls(CREDENTIAL));
  }
});

test("rooms are spread over the pool", () => {
  expect(new Set(ROOMS.map(firstUrl)).size).toBe(3);
});

test("a pool of one is every room's", () => {
  expect(poolIceServers(["turn:one.example"], "room", CREDENTIAL)).toEqual([
    { urls: ["turn:one.example"], ...CREDENTIAL },
  ]);
});
