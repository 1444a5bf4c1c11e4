import type { TurnLimits } from "../../src/turn/relay-state.ts";

/** Wide enough for every rule that is not about limits; the permissions and channels are the product's default. */
export const DEFAULT_LIMITS: TurnLimits = {
  maxAllocations: 1000,
  maxAllocationsPerAddress: 1000,
  maxAllocationsPerMember: 1000,
  maxAllocationsPerUser: 1000,
  maxPermissionsPerAllocation: 64,
  maxChannelsPerAllocation: 64,
  maxBitsPerSecondPerAllocation: 0,
  maxBitsPerSecondPerRoom: 0,
  maxBitsPerSecond: 0,
  bandwidthBurstMilliseconds: 1000,
  maxRelayedConnections: 1000,
  maxRelayedConnectionsPerAllocation: 16,
  relayedConnectionIdleSeconds: 600,
  unauthenticatedBurst: 200,
  unauthenticatedPerSecond: 50,
};
