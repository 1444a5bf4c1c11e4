import { expect, test } from "vitest";
import { Bench, INFO } from "./bench.ts";

test("`ice` is answered with fresh iceServers and the ref", () => {
  const bench = new Bench();
  const { alice, bob } = bench.pair();
  bench.nowMs += 5000;
  expect(alice.ask({ type: "ice" })).toMatchObject({
    type: "ice-servers",
    ref: 2,
    iceServers: [{ urls: ["turn:call.example:3478"] }],
    expiresAt: 1_800_001_005,
  });
  expect(bob.news()).toEqual([]);
});

test("fresh ones are pushed at 80 % of the lifetime to everyone seated, again and again", () => {
  const bench = new Bench({ ttlSeconds: 100 });
  const { alice, bob } = bench.pair();
  bench.pass(79, alice, bob);
  expect(alice.news()).toEqual([]);
  bench.pass(1, alice, bob);
  for (const client of [alice, bob]) {
    expect(client.news()).toEqual([
      { type: "ice-servers", iceServers: [expect.anything()], expiresAt: 1_800_001_080 },
    ]);
  }
  bench.pass(160, alice, bob);
  expect(alice.news()).toHaveLength(2);
});

test("asking for them puts the push off", () => {
  const bench = new Bench({ ttlSeconds: 100 });
  const { alice, bob } = bench.pair();
  bench.pass(50, alice, bob);
  alice.ask({ type: "ice" });
  alice.news();
  bench.pass(79, alice, bob);
  expect(alice.news()).toEqual([]);
  bench.pass(1, alice, bob);
  expect(alice.news()).toHaveLength(1);
});

test("they are made for the seat and for the way in which its newest socket came", () => {
  const asked: unknown[] = [];
  const bench = new Bench(
    {},
    {
      issueIceServers: (member, info) => {
        asked.push({ ...member, host: info.host });
        return { iceServers: [], expiresAt: 1 };
      },
    },
  );
  const alice = bench.client({ host: "a.example" });
  const { peer, resumeToken } = alice.join();
  const again = bench.client({ host: "b.example" });
  again.resume(resumeToken, 1);
  again.ask({ type: "ice" });
  const [{ roomKey }] = bench.told("roomCreated") as [{ roomKey: string }];
  expect(asked).toEqual([
    { peer, roomKey, host: "a.example" },
    { peer, roomKey, host: "b.example" },
    { peer, roomKey, host: "b.example" },
  ]);
  expect(INFO.host).toBe("call.example");
});

test("a port that throws costs `ice` one unavailable, and a push is tried again with the next sweep", () => {
  let broken = false;
  const bench = new Bench(
    { ttlSeconds: 10 },
    {
      issueIceServers: () => {
        if (broken) throw new Error("no secret");
        return { iceServers: [], expiresAt: 7 };
      },
    },
  );
  const { alice, bob } = bench.pair();
  broken = true;
  expect(alice.ask({ type: "ice" })).toMatchObject({ code: "unavailable" });
  alice.news();
  bench.pass(9, alice, bob);
  expect(alice.news()).toEqual([]);
  broken = false;
  bench.pass(1, alice, bob);
  expect(alice.news()).toMatchObject([{ type: "ice-servers", expiresAt: 7 }]);
  expect(bob.news()).toHaveLength(1);
});

test("a change of secret brings fresh ones to everybody seated at once, and the next in their time", () => {
  const bench = new Bench({ ttlSeconds: 100 });
  const { alice, bob } = bench.pair();
  bench.pass(50, alice, bob);
  bench.hub.renewIceServers();
  for (const client of [alice, bob]) expect(client.news()).toMatchObject([{ type: "ice-servers" }]);
  bench.pass(79, alice, bob);
  expect(alice.news()).toEqual([]);
  bench.pass(1, alice, bob);
  expect(alice.news()).toHaveLength(1);
});

test("who is away when the secret changes gets fresh ones when it is back", () => {
  const bench = new Bench();
  const { alice, bob } = bench.pair();
  const { resumeToken } = alice.link.received.find(({ type }) => type === "joined") as {
    resumeToken: string;
  };
  alice.link.vanish();
  bench.hub.renewIceServers();
  expect(bob.news()).toMatchObject([{ type: "peer-away" }, { type: "ice-servers" }]);
  const back = bench.client();
  expect(back.resume(resumeToken, alice.lastSeq)).toMatchObject({
    type: "joined",
    iceServers: [expect.anything()],
  });
});

test("where many are seated a thousand a second get theirs, each once", () => {
  const rooms = 1250;
  const bench = new Bench({
    maxRooms: rooms,
    maxRoomsPerAddress: rooms,
    maxConnections: 2 * rooms,
    maxConnectionsPerAddress: 2 * rooms,
  });
  const clients = Array.from({ length: 2 * rooms }, (_, index) => {
    const client = bench.client();
    client.join(`room ${index >> 1}`);
    return client;
  });
  const counts = () =>
    clients.filter((client) => client.link.received.some(({ type }) => type === "ice-servers")).length;
  bench.hub.renewIceServers();
  expect(counts()).toBe(1000);
  bench.pass(1, ...clients);
  expect(counts()).toBe(2000);
  bench.pass(3, ...clients);
  const received = clients.map(
    (client) => client.link.received.filter(({ type }) => type === "ice-servers").length,
  );
  expect(new Set(received)).toEqual(new Set([1]));
});
