import { expect, test } from "vitest";
import { ipv4FromWord } from "../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../src/stun/attributes.ts";
import { METHOD, PROTOCOL_UDP } from "../../src/stun/registry.ts";
import { openMemoryTarget } from "../conformance/memory-target.ts";
import { encodeRequest } from "../support/turn-request.ts";

const SOURCES = 10_000;
/** 81.0.0.0: nobody's of the target's own addresses. */
const FIRST_SOURCE = 0x51000000;

test("ten thousand forged sources that ask for allocations leave nothing behind (coturn #1999)", async () => {
  const { target, turn, network, allocator, retainedCount } = openMemoryTarget();
  const server = target.serverAddress(4);
  let challenges = 0;
  for (let i = 0; i < SOURCES; i++) {
    const source = network.open(ipv4FromWord(FIRST_SOURCE + i * 256));
    source.onPacket(() => challenges++);
    source.sendNow(
      server,
      encodeRequest(METHOD.allocate, [requestedTransportAttribute(PROTOCOL_UDP)], undefined),
    );
    source.closeNow();
  }
  expect(challenges).toBe(SOURCES);
  expect([turn.allocationCount, turn.reservationCount, allocator.openCount, retainedCount()]).toEqual([
    0, 0, 0, 0,
  ]);

  const client = await target.client();
  expect((await client.allocate()).outcome).toBe("success");
  expect([turn.allocationCount, retainedCount()]).toEqual([1, 1]);
  await target.close();
});
