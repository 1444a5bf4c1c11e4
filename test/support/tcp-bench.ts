/** A relay with TCP allocations, in memory, under a clock of its own. Its addresses look public; nothing is sent to them. */

import { type IpAddress, parseIp, type TransportAddress, withPort } from "../../src/stun/address.ts";
import type { AllocationEnd, ClientTransport, RelayTargetVerdict, TurnUser } from "../../src/turn/ports.ts";
import type { TurnLimits } from "../../src/turn/relay-state.ts";
import { createRelayTargetPolicy } from "../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, BOB, REALM } from "../conformance/target.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { MemoryRelayAllocator } from "./memory-relay.ts";
import { connectMemoryStream, type MemoryStreamClient } from "./memory-stream-link.ts";
import { MemoryTcpAllocator, type MemoryTcpRelay } from "./memory-tcp-relay.ts";
import { allocateTcp } from "./tcp-requests.ts";
import { TestCredentials } from "./test-credentials.ts";
import type { Credentials } from "./turn-request.ts";

export const SERVER = address("185.199.1.1", 3478);
export const RELAY_IP = address("185.199.1.2", 0);
const RELAY_IPV6 = address("2a00:1450::2", 0);
const RELAY_IPS = [RELAY_IP, RELAY_IPV6];
const CLIENT_IP = address("81.2.69.1", 0);

export interface TcpBenchOptions {
  readonly isOff?: boolean;
  readonly room?: NonNullable<TurnUser["room"]>;
  readonly limits?: Partial<TurnLimits>;
}

export class TcpBench {
  readonly turn: TurnServer;
  readonly tcp = new MemoryTcpAllocator(RELAY_IPS);
  readonly network = new MemoryNetwork();
  readonly credentials: TestCredentials;
  readonly failures: unknown[] = [];
  readonly ends: AllocationEnd[] = [];
  /** Says what the policy says from now on; undefined: what it says by itself. */
  verdict: RelayTargetVerdict | undefined;
  #nowMs = 1_000_000;
  #nextPort = 5000;

  constructor({ isOff = false, room, limits = {} }: TcpBenchOptions = {}) {
    this.credentials = new TestCredentials(REALM, [ALICE, BOB], [], room);
    const closed = { allow: [], deny: [], lan: false, dev: false, otherOwnIps: [SERVER] };
    const policy = createRelayTargetPolicy({ ...closed, relayIps: RELAY_IPS });
    this.turn = new TurnServer({
      realm: REALM,
      credentials: this.credentials,
      allocator: new MemoryRelayAllocator(this.network, RELAY_IPS),
      tcpAllocator: isOff ? undefined : this.tcp,
      mobility: true,
      targets: { judge: (target) => this.verdict ?? policy.judge(target) },
      clock: () => this.#nowMs,
      limits: { ...DEFAULT_LIMITS, ...limits },
      isExempt: () => false,
      events: {
        failed: (error) => this.failures.push(error),
        allocationClosed: (_allocation, why) => this.ends.push(why),
      },
    });
  }

  /** A connection to the server. */
  connect(as: Credentials = ALICE, transport: ClientTransport = "tcp"): MemoryStreamClient {
    const remote = withPort(CLIENT_IP, this.#nextPort++);
    return connectMemoryStream({ turn: this.turn, as, remote, local: SERVER, transport });
  }

  /** A control connection with its allocation. */
  async allocate(as: Credentials = ALICE): Promise<MemoryStreamClient & { readonly relay: MemoryTcpRelay }> {
    const connection = this.connect(as);
    assertSuccess(await allocateTcp(connection.client), "Allocate");
    const relay = this.tcp.relays.at(-1);
    if (relay === undefined) throw new Error("no relay was opened");
    return { ...connection, relay };
  }

  /** Time goes by, in sweeps of a second. */
  advance(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.#nowMs += 1000;
      this.turn.sweep();
    }
  }
}

export function address(text: string, port: number): TransportAddress {
  const ip: IpAddress | undefined = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return withPort(ip, port);
}
