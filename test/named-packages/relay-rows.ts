/** What node-turn does, beside ours in the same situation. */

import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { formatIp, type TransportAddress } from "../../src/stun/address.ts";
import { allocate, assertSuccess, text } from "../conformance/checks.ts";
import { eventually } from "../e2e/support/eventually.ts";
import { NoAnswerError } from "../support/no-answer.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";
import { type Scene, withRelay } from "./relays.ts";
import type { Row } from "./row.ts";

const ALLOCATIONS = 10;

type RelayRow = Omit<Row, "package" | "observe"> & { observe(scene: Scene): Promise<string> };

const ROWS: readonly RelayRow[] = [
  {
    title: "user toString, password function toString() { [native code] }",
    expected: "401",
    stated: "authenticates",
    async observe({ client }) {
      const credentials = { username: "toString", password: "function toString() { [native code] }" };
      const { outcome } = await (await client({ as: credentials })).allocate();
      return outcome === "success" ? "authenticates" : `${outcome}`;
    },
  },
  {
    title: "three bytes (40 00 00) from a permitted address",
    expected: "serves on",
    stated: "its process ends",
    observe: observeThreeBytes,
  },
  {
    title: "ChannelData from client to peer",
    expected: "arrives",
    stated: "dropped",
    observe: observeChannelData,
  },
  {
    title: "Refresh that is not 0",
    expected: "the allocation stays",
    stated: "the allocation is gone",
    async observe(scene) {
      const client = await scene.client();
      await allocate(client);
      assertSuccess(await client.refresh(600), "Refresh");
      await delay(50);
      const { outcome } = await client.refresh(600);
      return outcome === "success" ? "the allocation stays" : "the allocation is gone";
    },
  },
  {
    title: `relay sockets of ${ALLOCATIONS} allocations that were ended`,
    expected: "0 still open",
    stated: `${ALLOCATIONS} still open`,
    observe: observeEndedAllocations,
  },
  {
    title: "127.0.0.1 as a peer",
    expected: "403",
    stated: "accepted, and a service there gets the packet",
    observe: observeLoopbackPeer,
  },
  {
    title: "169.254.169.254, a cloud's metadata service, as a peer",
    expected: "403",
    stated: "accepted",
    async observe(scene) {
      const client = await scene.client();
      await allocate(client);
      // Asked for only: nothing is sent there.
      const metadata = { family: 4, w0: 0xa9fea9fe, w1: 0, w2: 0, w3: 0, port: 80 } as const;
      const { outcome } = await client.createPermission(metadata);
      return outcome === "success" ? "accepted" : `${outcome}`;
    },
  },
  {
    title: "TURN over TCP",
    expected: "connects",
    stated: "refused: UDP only",
    observe: ({ relay }) => observeTcp(relay.address),
  },
];

export const RELAY_ROWS: readonly Row[] = ROWS.map((row) => ({
  ...row,
  package: "node-turn",
  observe: (whose) => withRelay(whose, row.observe),
}));

async function observeThreeBytes(scene: Scene): Promise<string> {
  const [client, peer] = [await scene.client(), await scene.peer()];
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  await peer.send(relayed, Buffer.from("400000", "hex"));
  await client.data.take().catch(ignoreSilence);
  if (!scene.relay.isRunning) return "its process ends";
  return (await client.bind()).isSuccess ? "serves on" : "serves no more";
}

async function observeChannelData(scene: Scene): Promise<string> {
  const [client, peer] = [await scene.client(), await scene.peer()];
  await allocate(client);
  assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
  await client.sendChannelData(0x4000, text("by channel"));
  await client.sendIndication(peer.address, text("by indication"));
  const { data } = await peer.packets.take();
  return data.toString() === "by channel" ? "arrives" : "dropped";
}

async function observeEndedAllocations(scene: Scene): Promise<string> {
  const relayed: TransportAddress[] = [];
  for (let i = 0; i < ALLOCATIONS; i++) {
    const client = await scene.client();
    relayed.push(await allocate(client));
    assertSuccess(await client.refresh(0), "Refresh(0)");
  }
  const countOpen = async () => {
    const free = await Promise.all(relayed.map((address) => scene.isFree(address)));
    return free.filter((isFree) => !isFree).length;
  };
  const deadline = performance.now() + 1000;
  // A socket takes a moment to close; what is open after a second stays.
  const open = await eventually(
    "relay sockets closing",
    countOpen,
    (count) => count === 0 || performance.now() > deadline,
  );
  return `${open} still open`;
}

async function observeLoopbackPeer(scene: Scene): Promise<string> {
  const client = await scene.client();
  await allocate(client);
  const service = await openUdpEndpoint(client.local);
  const got = new Promise<true>((resolve) => service.onPacket(() => resolve(true)));
  try {
    const { outcome } = await client.createPermission(service.address);
    if (outcome !== "success") return `${outcome}`;
    await client.sendIndication(service.address, text("from outside"));
    const arrives = await Promise.race([got, delay(1000, false)]);
    return arrives ? "accepted, and a service there gets the packet" : "accepted";
  } finally {
    await service.close();
  }
}

async function observeTcp(address: TransportAddress): Promise<string> {
  const socket = connect(address.port, formatIp(address));
  try {
    return await once(socket, "connect").then(
      () => "connects",
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNREFUSED") return "refused: UDP only";
        throw error;
      },
    );
  } finally {
    socket.destroy();
  }
}

function ignoreSilence(error: unknown): void {
  if (!(error instanceof NoAnswerError)) throw error;
}
