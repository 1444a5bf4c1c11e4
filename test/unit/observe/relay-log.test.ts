import { expect, it } from "vitest";
import { createLogger } from "../../../src/observe/logger.ts";
import { createRelayLog } from "../../../src/observe/relay-log.ts";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";

const COUNTS = { sentPackets: 1, sentBytes: 2, receivedPackets: 3, receivedBytes: 4, overLimitPackets: 5 };

function address(text: string, port: number): TransportAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return withPort(ip, port);
}

it("the line of an allocation that ended names its relayed addresses, one or both", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", stream: { write: (line) => void lines.push(line) } });
  const log = createRelayLog(logger);
  const single = {
    userId: "ann",
    client: address("198.51.100.1", 5000),
    transport: "udp",
    protocol: "udp",
    relayedAddress: address("203.0.113.1", 49152),
  } as const;
  log.allocationClosed?.(single, "expired", COUNTS);
  const additionalRelayedAddress = address("2001:db8::1", 49153);
  log.allocationClosed?.({ ...single, additionalRelayedAddress }, "refresh-zero", COUNTS);
  const [one, both] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(one).toMatchObject({ relayedAddress: "203.0.113.1:49152", why: "expired", ...COUNTS });
  expect(one).not.toHaveProperty("additionalRelayedAddress");
  expect(both).toMatchObject({
    relayedAddress: "203.0.113.1:49152",
    additionalRelayedAddress: "[2001:db8::1]:49153",
  });
});
