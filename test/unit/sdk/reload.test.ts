/** A page that is loaded again takes its seat back, wherever the call was at that moment. */

import { expect, test } from "vitest";
import { Bench, Member } from "./bench.ts";
import { settle } from "./fake-clock.ts";

/** The page goes: nobody is left on it who could hear of its socket's end. */
function unload(member: Member) {
  const resume = member.call.resumption;
  if (resume === undefined) throw new Error("no resumption");
  member.socket?.close();
  return resume;
}

test("before the other's first offer reached it: the offer comes again", async () => {
  const bench = new Bench();
  const first = await bench.join();
  const hasty = new Member(bench);
  const joining = hasty.join("room", {});
  await settle();
  hasty.socket?.deliver();
  await joining;
  await bench.run();
  expect(first.connection.signalingState).toBe("have-local-offer");
  const reloaded = await bench.join({ resume: unload(hasty) });
  await bench.advance(1500);
  for (const member of [first, reloaded]) {
    expect(member.connection.signalingState).toBe("stable");
    expect(member.told("error")).toEqual([]);
  }
  expect(reloaded.connection.remoteDescription).toEqual(first.connection.localDescription);
});

test("an offer that a member with a new socket has as well does no harm", async () => {
  const bench = new Bench();
  const first = await bench.join();
  const second = await bench.join();
  second.socket?.drop();
  first.call.addTrack({ kind: "video", id: "track" } as MediaStreamTrack);
  await bench.run();
  expect(first.connection.signalingState).toBe("have-local-offer");
  await bench.advance(500);
  for (const member of [first, second]) {
    expect(member.connections).toHaveLength(1);
    expect(member.connection.signalingState).toBe("stable");
    expect(member.told("error")).toEqual([]);
  }
  expect(second.sent("offer")).toEqual([]);
});

test("what was posted meanwhile is told to listeners that are added after the join, before what comes next", async () => {
  const bench = new Bench();
  const first = await bench.join();
  const second = await bench.join();
  const resume = unload(second);
  const posts = ["one", "two"].map((data) => first.call.post(data));
  await bench.run();
  const reloaded = await bench.join({ resume });
  posts.push(first.call.post("three"));
  await bench.run();
  await Promise.all(posts);
  await bench.advance(0);
  posts.push(first.call.post("four"));
  await bench.run();
  expect(reloaded.told("message").map(({ data }) => data)).toEqual(["one", "two", "three", "four"]);
});
