/** A configuration for servers on loopback: every port free, no waiting at the end, loopback open to the relay. */

import type { Config, ConfigLimits } from "../../src/config/config.ts";
import { type IpAddress, parseIp } from "../../src/stun/address.ts";

export const LOOPBACK_4 = parseIp("127.0.0.1") as IpAddress;
export const LOOPBACK_6 = parseIp("::1") as IpAddress;

const LIMITS: ConfigLimits = {
  maxMessageBytes: 65_536,
  messagesPerSecond: 50,
  messageBurst: 200,
  maxRooms: 1000,
  maxRoomsPerAddress: 100,
  maxConnections: 1000,
  maxConnectionsPerAddress: 100,
  heartbeatSeconds: 25,
  joinTimeoutSeconds: 10,
  maxTurnConnections: 1000,
  maxTurnConnectionsPerAddress: 100,
  maxAllocations: 1000,
  maxAllocationsPerAddress: 100,
  maxAllocationsPerMember: 12,
  maxAllocationsPerUser: 12,
  maxPermissionsPerAllocation: 64,
  maxChannelsPerAllocation: 64,
  maxBitsPerSecondPerAllocation: 0,
  maxBitsPerSecondPerRoom: 8_000_000,
  maxBitsPerSecond: 0,
  bandwidthBurstMilliseconds: 1000,
  maxRelayedConnections: 100,
  maxRelayedConnectionsPerAllocation: 16,
  relayedConnectionIdleSeconds: 600,
  unauthenticatedBurst: 200,
  unauthenticatedPerSecond: 50,
};

const CONFIG: Config = {
  hosts: [LOOPBACK_4],
  hostsAreDefault: false,
  httpPort: 0,
  turnPort: 0,
  tls: undefined,
  publicHost: undefined,
  externalIps: [],
  relayPorts: { min: 49_152, max: 65_535 },
  udpEngine: "auto",
  workers: 1,
  realm: "turnpike.test",
  secrets: ["the secret of the tests"],
  secretIsRandom: false,
  turnUrls: [],
  users: [],
  ttlSeconds: 3600,
  roomSize: 2,
  createOnJoin: true,
  clearOnLeave: true,
  resumeSeconds: 15,
  relayTo: "room",
  allowRelayTo: [],
  denyRelayTo: [],
  lan: false,
  dev: true,
  tcpRelay: false,
  mobility: false,
  alternateIps: [],
  alternatePort: 0,
  adminHost: LOOPBACK_4,
  adminPort: 0,
  logLevel: "silent",
  redis: undefined,
  nodeUrl: undefined,
  nodeTimeoutSeconds: 1,
  trustedProxies: [],
  allowedOrigins: [],
  shutdownSeconds: 0,
  drainSeconds: 60,
  limits: LIMITS,
};

export function testConfig(
  overrides: Partial<Omit<Config, "limits">> & { readonly limits?: Partial<ConfigLimits> } = {},
): Config {
  return { ...CONFIG, ...overrides, limits: { ...LIMITS, ...overrides.limits } };
}
