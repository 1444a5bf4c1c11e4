/** A room of three whose server crashes at any moment, whose members lose it and each other: in the end everybody is with everybody, once. */

import { expect, test } from "vitest";
import { SeededRandom } from "../../support/seeded-random.ts";
import { Bench, type Member } from "./bench.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);
const STEPS = 40;
const NAMES = ["Ada", "Bob", "Cleo"];

/** Connections to the others, by name; of those who are away too. */
function connectionsOf(member: Member): Map<string, FakePeerConnection[]> {
  const found = new Map<string, FakePeerConnection[]>();
  for (const { name = "", connection } of member.call.peers.values())
    found.set(name, [...(found.get(name) ?? []), connection as unknown as FakePeerConnection]);
  return found;
}

/** As browsers do: two that have each other's descriptions find a path. */
function findPaths(members: readonly Member[]): void {
  const all = members.flatMap((member) => [...connectionsOf(member).values()].flat());
  for (const here of all) {
    const sdp = here.remoteDescription?.sdp;
    const there = all.find((one) => sdp !== undefined && one.localDescription?.sdp === sdp);
    const isNew = here.connectionState === "new" && there?.connectionState === "new";
    if (isNew && here.signalingState === "stable" && there.signalingState === "stable")
      FakePeerConnection.connect(here, there);
  }
}

test.each(SEEDS)("seed %i", async (seed) => {
  const random = new SeededRandom(seed);
  const bench = new Bench({ roomSize: 3, clearOnLeave: false });
  const members: Member[] = [];
  for (const name of NAMES) members.push(await bench.join({ name }));
  const settle = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      await bench.advance(1000);
      findPaths(members);
    }
  };
  await settle(3);
  for (let step = 0; step < STEPS; step++) {
    const member = random.pick(members);
    const dice = random.below(100);
    if (dice < 15) bench.crash();
    else if (dice < 35) bench.start();
    else if (dice < 45) member.isOffline = !member.isOffline;
    else if (dice < 55) member.socket?.drop();
    else if (dice < 60) random.pick([...connectionsOf(member).values()].flat())?.losePath();
    else if (dice < 65) member.call.restartIce();
    else await settle(1 + random.below(3));
  }
  bench.start();
  for (const member of members) {
    member.isOffline = false;
    member.wake();
  }
  // What has no path any more, browsers find out.
  await settle(40);
  for (const connection of members.flatMap((member) => [...connectionsOf(member).values()].flat()))
    if (!connection.hasPath) connection.changeState("failed");
  await settle(40);

  for (const member of members) {
    expect(member.told("closed")).toEqual([]);
    expect(member.told("error")).toEqual([]);
    const names = [...member.call.peers.values()].map(({ name, away }) => `${name} ${away}`).sort();
    const others = NAMES.filter((name) => name !== NAMES[members.indexOf(member)]);
    expect(names).toEqual(others.map((name) => `${name} false`));
    for (const other of others) {
      const [here] = connectionsOf(member).get(other) ?? [];
      const partner = members[NAMES.indexOf(other)] as Member;
      const [there] = connectionsOf(partner).get(NAMES[members.indexOf(member)] ?? "") ?? [];
      expect(here?.signalingState).toBe("stable");
      expect(here?.remoteDescription?.sdp).toBe(there?.localDescription?.sdp);
    }
  }
});
