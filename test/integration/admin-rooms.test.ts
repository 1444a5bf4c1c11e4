/** Rooms from the admin port: who is in them, and their end; for curl, not for browsers. */

import { afterEach, describe, expect, test } from "vitest";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import { askAdmin } from "../support/admin-request.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

const running: TurnpikeServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start() {
  const server = createServer(testConfig());
  running.push(server);
  const { http, admin } = await server.start();
  const url = `ws://127.0.0.1:${http[0]?.port}/signal`;
  const port = admin[0]?.port ?? 0;
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    askAdmin(port, method, path, headers);
  return { server, url, ask };
}

const ROOM = "blue fox/ü?#%";
const PATH = `/rooms/${encodeURIComponent(ROOM)}`;

test("says who is in a room, whatever its name, and who is away", async () => {
  const { url, ask } = await start();
  const [ada, bob] = [await SignalingClient.open(url), await SignalingClient.open(url)];
  const { peer: adaId } = await ada.join(ROOM, { name: "Ada" });
  const { peer: bobId } = await bob.join(ROOM);
  bob.webSocket.terminate();
  await ada.next("peer-away");
  expect(await ask("GET", PATH)).toEqual({
    status: 200,
    body: {
      room: ROOM,
      members: [
        { peer: adaId, name: "Ada", here: true },
        { peer: bobId, here: false },
      ],
    },
  });
});

test("takes one member out and tells it why; the other one stays", async () => {
  const { url, ask } = await start();
  const [ada, bob] = [await SignalingClient.open(url), await SignalingClient.open(url)];
  const { peer } = await ada.join(ROOM);
  await bob.join(ROOM);
  const answer = await ask("DELETE", `${PATH}/members/${peer}?reason=bad%20manners`);
  expect(answer).toEqual({ status: 200, body: { room: ROOM, peer, kicked: true } });
  expect(await ada.next("kicked")).toMatchObject({ reason: "bad manners" });
  expect(await bob.next("peer-left")).toMatchObject({ peer, reason: "kicked" });
  const again = await ask("DELETE", `${PATH}/members/${peer}`);
  expect(again).toMatchObject({ status: 404, body: { error: { code: "peer-not-found" } } });
});

test("ends a room for everybody in it", async () => {
  const { url, ask } = await start();
  const members = [await SignalingClient.open(url), await SignalingClient.open(url)];
  for (const member of members) await member.join(ROOM);
  expect(await ask("DELETE", PATH)).toEqual({ status: 200, body: { room: ROOM, closed: true } });
  for (const member of members) expect(await member.next("room-closed")).toMatchObject({ reason: "closed" });
  expect(await ask("DELETE", PATH)).toMatchObject({
    status: 404,
    body: { error: { code: "room-not-found" } },
  });
});

describe("what is refused has done nothing, and what is right works after it", () => {
  test.each<[string, string, string, Record<string, string>, number, string]>([
    ["a page of another origin", "DELETE", PATH, { origin: "https://evil.example" }, 403, "not-for-browsers"],
    ["a page without an origin", "DELETE", PATH, { origin: "null" }, 403, "not-for-browsers"],
    ["a form", "POST", PATH, { origin: "https://evil.example" }, 403, "not-for-browsers"],
    ["a preflight", "OPTIONS", PATH, { origin: "https://evil.example" }, 403, "not-for-browsers"],
    ["a page that reads", "GET", PATH, { "sec-fetch-site": "cross-site" }, 403, "not-for-browsers"],
    ["DNS rebinding", "GET", PATH, { host: "evil.example:9090" }, 403, "not-for-browsers"],
    ["DNS rebinding that ends a room", "DELETE", PATH, { host: "evil.example" }, 403, "not-for-browsers"],
    ["another method", "POST", PATH, {}, 405, "method-not-allowed"],
    ["another method for a member", "GET", `${PATH}/members/x`, {}, 405, "method-not-allowed"],
    ["a name that is no UTF-8", "DELETE", "/rooms/%ff", {}, 400, "bad-request"],
    ["no name", "DELETE", "/rooms/", {}, 400, "bad-request"],
    ["another path", "DELETE", `${PATH}/members/`, {}, 404, "peer-not-found"],
    ["a longer path", "DELETE", `${PATH}/members/x/y`, {}, 404, "not-found"],
    ["an unknown part", "DELETE", `${PATH}/people/x`, {}, 404, "not-found"],
    ["a reason of two lines", "DELETE", `${PATH}/members/x?reason=a%0Ab`, {}, 400, "bad-request"],
  ])("%s", async (_what, method, path, headers, status, code) => {
    const { url, ask } = await start();
    const member = await SignalingClient.open(url);
    await member.join(ROOM);
    expect(await ask(method, path, headers)).toMatchObject({ status, body: { error: { code } } });
    expect(await ask("DELETE", PATH)).toMatchObject({ status: 200 });
    await member.next("room-closed");
  });
});

test("names the operator's machines call it by are taken: addresses, localhost, a container's name", async () => {
  const { ask } = await start();
  for (const host of ["127.0.0.1:9090", "[::1]:9090", "localhost", "turnpike:9090"])
    expect(await ask("GET", PATH, { host })).toMatchObject({ status: 404 });
});

test("a program that embeds the server has the same, and before the start there is no room", async () => {
  const idle = createServer(testConfig());
  expect([await idle.rooms.members(ROOM), await idle.rooms.closeRoom(ROOM)]).toEqual([undefined, false]);
  const { server, url } = await start();
  const member = await SignalingClient.open(url);
  const { peer } = await member.join(ROOM);
  expect(await server.rooms.members(ROOM)).toEqual([{ peer, here: true }]);
  expect(await server.rooms.kick(ROOM, "nobody", "…")).toBe(false);
  expect(await server.rooms.kick(ROOM, peer, "bad manners")).toBe(true);
  await member.next("kicked");
  await member.join(ROOM);
  expect(await server.rooms.closeRoom(ROOM)).toBe(true);
  await member.next("room-closed");
});
