/** Clients with good credentials that send hostile packets to a real server, as fast as it takes them. */

import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { formatIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import type { Endpoint } from "../../support/endpoint.ts";
import { HostilePackets } from "../../support/hostile-packets.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";
import { openStreamTransport, type StreamTransport } from "../../support/stream-transport.ts";
import { LOOPBACK_4 } from "../../support/test-config.ts";
import { TurnClient } from "../../support/turn-client.ts";
import type { Credentials } from "../../support/turn-request.ts";
import { openUdpEndpoint } from "../../support/udp-endpoint.ts";

export interface AttackOptions {
  readonly server: TransportAddress;
  readonly random: SeededRandom;
  readonly as: Credentials;
  /** What the attackers ask the relay to send to. */
  readonly peers: readonly TransportAddress[];
  /** Resolves when the server has taken what was sent before. */
  readonly serverIsThere: () => Promise<void>;
}

export interface Attack {
  /** Resolves when they have been sent, and taken. */
  send(count: number): Promise<void>;
  /** Gives back what the attackers hold. */
  close(): Promise<void>;
}

const UDP_CLIENTS = 8;
/** Far fewer than any kernel keeps for a socket that is read late: what is sent arrives. */
const DATAGRAMS_AT_ONCE = 100;
/** One packet in so many is left as it is, and the connection ends with it. */
const FRAMES_PER_CONNECTION = 300;
const FRAMES_PER_WRITE = 50;

export async function openUdpAttack(options: AttackOptions): Promise<Attack> {
  const { server, random, as, peers, serverIsThere } = options;
  const host = formatIp(server);
  const clients = await Promise.all(
    Array.from({ length: UDP_CLIENTS }, async () => {
      const socket = createSocket("udp4");
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
      const client = new TurnClient(overSocket(socket, server), as);
      return { socket, client, packets: new HostilePackets(random, await client.authentication(), peers) };
    }),
  );
  return {
    async send(count) {
      for (let sent = 1; sent <= count; sent++) {
        const { socket, packets } = random.pick(clients);
        socket.send(packets.next(), server.port, host);
        if (sent % DATAGRAMS_AT_ONCE === 0) await serverIsThere();
      }
      for (const { client } of clients) client.strays.length = 0;
      await serverIsThere();
    },
    async close() {
      for (const { client } of clients) {
        await client.refresh(0);
        await client.close();
      }
    },
  };
}

function overSocket(socket: UdpSocket, server: TransportAddress) {
  return {
    local: withPort(LOOPBACK_4, socket.address().port),
    send: (bytes: Uint8Array) =>
      new Promise<void>((sent) => socket.send(bytes, server.port, formatIp(server), () => sent())),
    onPacket: (receiver: (bytes: Uint8Array) => void) => void socket.on("message", receiver),
    close: () => new Promise<void>((closed) => socket.close(() => closed())),
  };
}

/** `ca`: inside TLS, whose certificate this is. */
export function openStreamAttack(options: AttackOptions & { readonly ca?: string }): Attack {
  const { server, random, as, peers, ca } = options;
  const connect = () => openStreamTransport({ server, from: LOOPBACK_4, ...(ca !== undefined && { ca }) });

  /** Frames over a new connection, and at the end something that may be no frame. */
  async function sendOver(connection: StreamTransport, count: number): Promise<void> {
    const client = new TurnClient(connection, as);
    const packets = new HostilePackets(random, await client.authentication(), peers);
    connection.onPacket(() => undefined);
    let frames = [packets.allocate()];
    for (let sent = 1; sent < count; sent++) {
      frames.push(packets.nextFrame());
      if (frames.length < FRAMES_PER_WRITE) continue;
      await writeInPieces(connection, Buffer.concat(frames), random);
      frames = [];
    }
    await writeInPieces(connection, Buffer.concat(frames), random);
    await endWith(connection, packets.next());
    // As the first bytes of a connection too, where they say what it is.
    await endWith(await connect(), packets.next());
  }

  return {
    async send(count) {
      for (let left = count; left > 0; left -= FRAMES_PER_CONNECTION) {
        await sendOver(await connect(), Math.min(left, FRAMES_PER_CONNECTION));
      }
    },
    close: async () => undefined,
  };
}

async function writeInPieces(
  { socket }: StreamTransport,
  bytes: Uint8Array,
  random: SeededRandom,
): Promise<void> {
  const middle = random.below(bytes.length);
  socket.write(bytes.subarray(0, middle));
  await new Promise<void>((resolve) => socket.write(bytes.subarray(middle), () => resolve()));
}

/** The server has taken everything when it closes its side. */
async function endWith({ socket, closed }: StreamTransport, bytes: Uint8Array): Promise<void> {
  socket.resume();
  socket.end(bytes);
  await closed;
}

/** A relay target that answers with anything. */
export async function openEnemy(ip: TransportAddress, packets: () => Uint8Array): Promise<Endpoint> {
  const endpoint = await openUdpEndpoint(ip, ip.port);
  endpoint.onPacket((_bytes, from) => void endpoint.send(from, packets()));
  return endpoint;
}
