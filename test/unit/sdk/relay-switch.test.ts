/** The ICE policy changes in the running call: both sides get a new connection, of which only one has the new policy. */

import { expect, test } from "vitest";
import { Bench, Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";

async function pair() {
  const bench = new Bench();
  return { bench, first: await bench.join(), second: await bench.join() };
}

/** The newest connections are each other's, and they are the only ones. */
function expectMet(a: Member, b: Member): void {
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const) {
    expect(here.connection.signalingState).toBe("stable");
    expect(here.connection.remoteDescription).toEqual(there.connection.localDescription);
    const open = here.connections.filter(({ connectionState }) => connectionState !== "closed");
    expect(open).toEqual([here.connection]);
    expect(here.told("error")).toEqual([]);
  }
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
  for (const member of [first, second]) {
    expect(member.connections).toHaveLength(2);
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

test("on, off and on before the other has heard of it", async () => {
  const { bench, first, second } = await pair();
  for (const policy of ["relay", "all", "relay"] as const) {
    first.call.setIceTransportPolicy(policy);
    await settle();
  }
  await bench.advance(1500);
  expect(first.connection.configuration.iceTransportPolicy).toBe("relay");
  expectMet(first, second);
});

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
