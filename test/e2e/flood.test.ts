/** A flood of requests without credentials from one address: it gets next to nothing back, and a call beside it loses no packet. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type IpAddress, type TransportAddress, withPort } from "../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../src/stun/attributes.ts";
import { METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import { addressOf } from "../support/denied-addresses.ts";
import { type Endpoint, transportTo } from "../support/endpoint.ts";
import { TurnClient } from "../support/turn-client.ts";
import { encodeRequest } from "../support/turn-request.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";
import { eventually } from "./support/eventually.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const SECONDS = 4;
const REQUESTS_PER_SECOND = 10_000;
const CALL_PACKETS_PER_SECOND = 100;
const TICK_MS = 5;
const HEADER_BYTES = 20 + 8;
const CHANNEL = 0x4000;
const ANN = { username: "ann", password: "correct horse" };
const PLACES = {
  peer: addressOf("127.0.0.2"),
  caller: addressOf("127.0.0.4"),
  flooder: addressOf("127.0.0.5"),
};

let server: TurnpikeProcess;
let serverAddress: TransportAddress;
const opened: Endpoint[] = [];

beforeAll(async () => {
  server = await TurnpikeProcess.start({
    flags: [
      "--host",
      "127.0.0.1",
      "--user",
      `${ANN.username}:${ANN.password}`,
      "--allow-relay-to",
      "127.0.0.2/32",
    ],
  });
  serverAddress = withPort(addressOf("127.0.0.1"), server.ports.turn);
});

afterAll(async () => {
  await Promise.all(opened.map((endpoint) => endpoint.close()));
  await server.stop();
});

test(`${REQUESTS_PER_SECOND} requests a second from one address`, async () => {
  const call = await openCall();
  const flood = await openFlood();
  await Promise.all([
    paced(CALL_PACKETS_PER_SECOND, () => call.send()),
    paced(REQUESTS_PER_SECOND, () => flood.send()),
  ]);
  await call.settle();

  expect(flood.sentPackets).toBe(REQUESTS_PER_SECOND * SECONDS);
  expect(flood.receivedPackets).toBeGreaterThan(0);
  expect(flood.receivedBytes / flood.sentBytes).toBeLessThan(0.1);
  const sent = CALL_PACKETS_PER_SECOND * SECONDS;
  expect([call.arrivedAtPeer, call.arrivedAtClient]).toEqual([sent, sent]);

  // It was a flood: the server has read it, all but what the kernel dropped.
  const metrics = await server.metrics();
  const unanswered = metrics.total('turnpike_dropped_packets_total{reason="rate-limited"}');
  expect(unanswered + flood.receivedPackets).toBeGreaterThan(0.9 * flood.sentPackets);

  // Once it is quiet its address is served again.
  const quiet = await clientFrom(PLACES.flooder);
  await eventually(
    "an answer to the address of the flood",
    () => quiet.bind().then(({ outcome }) => outcome, String),
    (outcome) => outcome === "success",
  );
});

/** Calls `send` so many times a second, evenly, for SECONDS. */
async function paced(perSecond: number, send: () => void): Promise<void> {
  const startedMs = performance.now();
  for (let sent = 0; sent < perSecond * SECONDS; await delay(TICK_MS)) {
    const due = Math.min(SECONDS, (performance.now() - startedMs) / 1000) * perSecond;
    for (; sent < Math.floor(due); sent++) send();
  }
}

async function openFlood() {
  const endpoint = await open(PLACES.flooder);
  const requests = [
    encodeRequest(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_UDP)], undefined),
    encodeRequest(METHOD.binding, [], undefined),
  ];
  const flood = { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0 };
  endpoint.onPacket((bytes) => {
    flood.receivedPackets++;
    flood.receivedBytes += bytes.length + HEADER_BYTES;
  });
  return Object.assign(flood, {
    send() {
      const request = requests[flood.sentPackets % requests.length] as Uint8Array;
      flood.sentPackets++;
      flood.sentBytes += request.length + HEADER_BYTES;
      void endpoint.send(serverAddress, request);
    },
  });
}

/** A relayed call: every packet goes to the peer, which sends it back. */
async function openCall() {
  const client = await clientFrom(PLACES.caller);
  const peer = await open(PLACES.peer);
  const { relayedAddress } = await client.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  expect((await client.channelBind(CHANNEL, peer.address)).outcome).toBe("success");
  const call = { arrivedAtPeer: 0, arrivedAtClient: 0 };
  peer.onPacket((bytes) => {
    call.arrivedAtPeer++;
    void peer.send(relayedAddress, bytes);
  });
  return Object.assign(call, {
    send: () => void client.sendChannelData(CHANNEL, Buffer.alloc(160)),
    async settle() {
      const sent = CALL_PACKETS_PER_SECOND * SECONDS;
      await eventually(
        "the call's packets",
        () => (call.arrivedAtClient = client.data.drain().length + call.arrivedAtClient),
        (arrived) => arrived === sent,
      );
    },
  });
}

async function clientFrom(ip: IpAddress): Promise<TurnClient> {
  return new TurnClient(transportTo(serverAddress, await open(ip)), ANN);
}

async function open(ip: IpAddress): Promise<Endpoint> {
  const endpoint = await openUdpEndpoint(ip);
  opened.push(endpoint);
  return endpoint;
}
