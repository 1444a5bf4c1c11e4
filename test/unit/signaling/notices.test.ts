import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

const MAX_NOTICES = 16;

function bench() {
  const started = new Bench();
  const { alice, bob, aliceId } = started.pair();
  const [room] = started.told("roomCreated") as { roomKey: string }[];
  const member = { roomKey: room?.roomKey ?? "", peer: aliceId };
  const refuse = (address: string, reason = "not-in-room") =>
    started.hub.relayTargetRefused(member, address, reason);
  return { ...started, hub: started.hub, started, alice, bob, member, refuse };
}

const notice = (address: string, reason = "not-in-room") => ({
  type: "notice",
  code: "relay-target-refused",
  address,
  reason,
});

test("a member is told of a relay target that was refused, once per address; the other member hears nothing", () => {
  const { alice, bob, refuse } = bench();
  refuse("89.160.20.1");
  refuse("10.0.0.1", "denied-network");
  refuse("89.160.20.1");
  expect(alice.news()).toEqual([notice("89.160.20.1"), notice("10.0.0.1", "denied-network")]);
  expect(bob.news()).toEqual([]);
});

test("notices are bounded, however many targets a member asks for", () => {
  const { alice, refuse } = bench();
  for (let i = 0; i < 100; i++) refuse(`89.160.20.${i}`);
  expect(alice.news()).toHaveLength(MAX_NOTICES);
});

test("observers are told the first time for each reason, so that a log has a line per call", () => {
  const { started, member, refuse } = bench();
  for (const address of ["89.160.20.1", "89.160.20.2"]) refuse(address);
  for (const address of ["10.0.0.1", "10.0.0.2"]) refuse(address, "denied-network");
  expect(started.events.filter(([name]) => name === "relayTargetRefused")).toEqual([
    ["relayTargetRefused", member, { address: "89.160.20.1", reason: "not-in-room" }],
    ["relayTargetRefused", member, { address: "10.0.0.1", reason: "denied-network" }],
  ]);
});

test("a member who has left, or never was, is told nothing", () => {
  const { started, alice, member, refuse } = bench();
  alice.ask({ type: "leave" });
  alice.news();
  refuse("89.160.20.1");
  started.hub.relayTargetRefused({ ...member, roomKey: "none" }, "89.160.20.1", "not-in-room");
  expect(alice.news()).toEqual([]);
});

test("a member who is away is told when it is back", () => {
  const { started, alice, refuse } = bench();
  const { resumeToken, seq } = alice.link.received.find((message) => message.type === "joined") ?? fail();
  alice.link.vanish();
  refuse("89.160.20.1");
  const back = started.client();
  back.resume(resumeToken, seq);
  expect(back.news()).toContainEqual(notice("89.160.20.1"));
});

function fail(): never {
  throw new Error("no join reply");
}
