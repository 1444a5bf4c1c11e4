/** Whoever can write to Redis can write anything. */

import { expect, test } from "vitest";
import { MemoryCluster } from "../../support/memory-cluster.ts";

const NONSENSE = [
  "",
  "no JSON",
  "null",
  "[]",
  '["frame"]',
  '["frame","west"]',
  '["frame",7,["a","",0,1,[]]]',
  '["frame","west",["a","",0,1]]',
  '["frame","west",{"a":1}]',
  '["reset","west"]',
  '["unheard of","west",1]',
];

/** In a frame that is well formed. */
const NONSENSE_WITHIN = [
  ["unheard of", 1],
  ["enter", 1],
  ["enter", 1, null],
  ["ask", 1, null],
  [],
  ["enter", 1, {}],
];

async function join(cluster: MemoryCluster, node: string): Promise<unknown> {
  const client = cluster.nodes.get(node)?.client();
  client?.say({ type: "join", v: 1, room: "blue-fox" });
  await cluster.quiet();
  return client?.link.received.at(-1);
}

test.each(NONSENSE)("%j is told to the log, and the nodes go on", async (text) => {
  const cluster = new MemoryCluster();
  cluster.node("east");
  cluster.node("west");
  cluster.publish("east", text);
  await cluster.quiet();
  expect(await join(cluster, "east")).toMatchObject({ type: "joined" });
  expect(await join(cluster, "west")).toMatchObject({ type: "joined", created: false });
  expect(cluster.failures.length).toBeLessThanOrEqual(1);
});

test.each(NONSENSE_WITHIN)(
  "%j from another node is told to the log, and the next is heard",
  async (...operation) => {
    const cluster = new MemoryCluster();
    const east = cluster.node("east");
    cluster.node("west");
    const question = ["ask", 2, { about: "members", room: "blue-fox" }];
    cluster.publish("east", JSON.stringify(["frame", "stranger", ["a", "", 0, 1, [operation, question]]]));
    expect(await join(cluster, "east")).toMatchObject({ type: "joined" });
    expect(await join(cluster, "west")).toMatchObject({ type: "joined", created: false });
    expect(cluster.failures.length).toBeGreaterThan(0);
    expect(east.hub.stats.members).toBe(2);
  },
);
