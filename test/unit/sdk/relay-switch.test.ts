/** The ICE policy changes in the running call: both sides get a new connection, of which only one has the new policy. */

import { expect, test } from "vitest";
import { Bench, Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";
import { expectMet } from "./met.ts";

async function pair() {
  const bench = new Bench();
  return { bench, first: await bench.join(), second: await bench.join() };
}

test.each(["first", "second"] as const)(
  "turned on by the %s and off again: a new pair each time",
  async (who) => {
    const { bench, ...members } = await pair();
    const turner = members[who];
    const other = who === "first" ? members.second : members.first;
    const policyOf = (member: Member) => member.connection.configuration.iceTransportPolicy;
    for (const [made, policy] of [
      [2, "relay"],
      [3, "all"],
    ] as const) {
      turner.call.setIceTransportPolicy(policy);
      turner.call.setIceTransportPolicy(policy);
      // Without the moment in which the polite side leaves the first offer to the other.
      await bench.run();
      expect(turner.connections).toHaveLength(made);
      expect(other.connections).toHaveLength(made);
      expect([policyOf(turner), policyOf(other)]).toEqual([policy, "all"]);
      expectMet(turner, other);
    }
  },
);

test("turned on by both at the same moment", async () => {
  const { bench, first, second } = await pair();
  for (const { call } of [first, second]) call.setIceTransportPolicy("relay");
  await bench.run();
  expectMet(first, second);
  // Nobody's first offer is rolled back: the polite side answers with one connection more.
  expect([first, second].map(({ connections }) => connections.length)).toEqual([2, 3]);
  for (const member of [first, second]) {
    expect(member.connections.flatMap(({ log }) => log)).not.toContain("rollback");
    expect(member.connection.configuration.iceTransportPolicy).toBe("relay");
  }
});

test.each(["first", "second"] as const)("while the other makes an offer; the %s turns it", async (who) => {
  const { bench, ...members } = await pair();
  const turner = members[who];
  const other = who === "first" ? members.second : members.first;
  other.call.addTrack({ kind: "video", id: "track" } as MediaStreamTrack);
  turner.call.setIceTransportPolicy("relay");
  await bench.run();
  expect(turner.connections).toHaveLength(2);
  expect(other.connection.senders).toHaveLength(1);
  expectMet(turner, other);
});

test("while the first answer is being made: it still goes out", async () => {
  const bench = new Bench();
  const first = await bench.join();
  const second = new Member(bench);
  const joining = second.join("room", {});
  await settle();
  second.socket?.deliver();
  await joining;
  await bench.run();
  second.socket?.deliver();
  second.call.setIceTransportPolicy("relay");
  bench.members.push(second);
  await bench.run();
  expect(second.connections).toHaveLength(2);
  expect(second.connection.configuration.iceTransportPolicy).toBe("relay");
  expectMet(first, second);
});

test("on, off and on before the other has heard of it: one more connection when it has", async () => {
  const { bench, first, second } = await pair();
  for (const policy of ["relay", "all", "relay"] as const) {
    first.call.setIceTransportPolicy(policy);
    await settle();
  }
  await bench.run();
  expect([first, second].map(({ connections }) => connections.length)).toEqual([3, 3]);
  expect(first.connection.configuration.iceTransportPolicy).toBe("relay");
  expectMet(first, second);
});

test("before the first offer came: what is gathered for the answer is the relay's only, and then it is made sure", async () => {
  const bench = new Bench();
  const first = await bench.join();
  const second = new Member(bench);
  const joining = second.join("room", {});
  await settle();
  second.socket?.deliver();
  await joining;
  second.call.setIceTransportPolicy("relay");
  await settle();
  expect(second.connections.map(({ configuration }) => configuration.iceTransportPolicy)).toEqual(["relay"]);
  bench.members.push(second);
  await bench.run();
  expect(second.connections).toHaveLength(2);
  expectMet(first, second);
});

test("in a room of three: each of the others meets the one who turned it, and the two of them stay as they are", async () => {
  const bench = new Bench({ roomSize: 3 });
  const members = [await bench.join(), await bench.join(), await bench.join()] as const;
  const [first, second, third] = members;
  const before = new Set(members.flatMap(({ connections }) => connections));
  second.call.setIceTransportPolicy("relay");
  await bench.run();
  expect(members.map(({ connections }) => connections.length)).toEqual([3, 4, 3]);
  const fresh = members.map(({ connections }) => connections.filter((one) => !before.has(one)));
  const descriptions = fresh.flat().map((one) => [one.localDescription?.sdp, one.remoteDescription?.sdp]);
  for (const [local, remote] of descriptions) expect(descriptions).toContainEqual([remote, local]);
  const policies = fresh.map((made) => made.map((one) => one.configuration.iceTransportPolicy));
  expect(policies).toEqual([["all"], ["relay", "relay"], ["all"]]);
  for (const [member, other] of [
    [first, third],
    [third, first],
  ] as const) {
    const kept = [...member.call.peers.values()].find(({ id }) => id === other.call.id)?.connection;
    expect(kept?.connectionState).not.toBe("closed");
    expect(member.told("error")).toEqual([]);
  }
});

test("the tracks that are sent go over the new connection as they are: added, replaced, muted, removed", async () => {
  const { bench, first, second } = await pair();
  const track = (id: string, kind = "video") => ({ id, kind, enabled: true }) as MediaStreamTrack;
  const [camera, screen, sound, gone] = [
    track("camera"),
    track("screen"),
    track("sound", "audio"),
    track("gone"),
  ];
  for (const one of [camera, sound, gone]) first.call.addTrack(one);
  await first.call.replaceTrack(camera, screen);
  sound.enabled = false;
  first.call.removeTrack(gone);
  await bench.run();
  second.call.setIceTransportPolicy("relay");
  await bench.run();
  expect(first.connections).toHaveLength(2);
  expect(new Set(first.connection.senders.map((sender) => sender.track))).toEqual(new Set([screen, sound]));
  expect(sound.enabled).toBe(false);
});

test("words: what is sent while there is no channel is told as not sent, what is posted arrives", async () => {
  const { bench, first, second } = await pair();
  for (const { connection } of [first, second]) connection.channel.open();
  expect(first.call.send("before")).toBe(1);
  first.call.setIceTransportPolicy("relay");
  const posted = first.call.post("through the server");
  await bench.run();
  await posted;
  expect(first.call.send("during")).toBe(0);
  expect(second.call.send("during")).toBe(0);
  first.connection.channel.open();
  expect(first.call.send("after")).toBe(1);
  expect(first.connection.channel.sent).toEqual(["after"]);
  expect(second.told("message").map(({ data }) => data)).toEqual(["through the server"]);
});

test.each(["first", "second"] as const)(
  "the %s turns it, and the other's page is loaded again before it answers",
  async (who) => {
    const { bench, ...members } = await pair();
    const turner = members[who];
    const other = who === "first" ? members.second : members.first;
    turner.call.setIceTransportPolicy("relay");
    await settle();
    const resume = other.call.resumption;
    if (resume === undefined) throw new Error("no resumption");
    other.socket?.close();
    const reloaded = await bench.join({ resume });
    await bench.advance(1500);
    expectMet(turner, reloaded);
    expect(turner.connection.configuration.iceTransportPolicy).toBe("relay");
  },
);

test("in the turn in which the call ends: no connection is made", async () => {
  const { bench, first } = await pair();
  first.call.setIceTransportPolicy("relay");
  const leaving = first.call.leave();
  await bench.run();
  await leaving;
  expect(first.connections).toHaveLength(1);
});

test("without the server: the other hears of it when the server is back", async () => {
  const { bench, first, second } = await pair();
  first.socket?.drop();
  first.call.setIceTransportPolicy("relay");
  await bench.run();
  first.connection.changeState("failed");
  await bench.advance(0);
  expect(first.connection.restartIce).not.toHaveBeenCalled();
  await bench.advance(500);
  expectMet(first, second);
});
