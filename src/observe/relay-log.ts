/** What the relay does, in the log: one line per allocation that ended, none per packet. */

import { formatIp, formatTransportAddress } from "../stun/address.ts";
import type { AllocationSummary, TurnEvents } from "../turn/ports.ts";
import type { Logger } from "./logger.ts";

export function createRelayLog(logger: Logger): TurnEvents {
  return {
    allocationCreated(allocation) {
      logger.debug(describe(allocation), "allocation created");
    },
    allocationClosed(allocation, why, counts) {
      const { sentPackets, sentBytes, receivedPackets, receivedBytes, overLimitPackets } = counts;
      const carried = { sentPackets, sentBytes, receivedPackets, receivedBytes, overLimitPackets };
      logger.info({ ...describe(allocation), why, ...carried }, "allocation closed");
    },
    allocationMoved(allocation, from) {
      logger.debug({ ...describe(allocation), from: formatTransportAddress(from) }, "allocation moved");
    },
    targetRefused(allocation, target, reason) {
      logger.debug({ ...describe(allocation), target: formatIp(target), reason }, "relay target refused");
    },
    failed(error) {
      logger.error({ err: error }, "the relay met a defect");
    },
  };
}

function describe(allocation: AllocationSummary): object {
  const { userId, client, transport, protocol, relayedAddress, additionalRelayedAddress } = allocation;
  return {
    user: userId,
    client: formatTransportAddress(client),
    transport,
    protocol,
    relayedAddress: formatTransportAddress(relayedAddress),
    ...(additionalRelayedAddress && {
      additionalRelayedAddress: formatTransportAddress(additionalRelayedAddress),
    }),
  };
}
