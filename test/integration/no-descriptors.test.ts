/** A relay whose process has no file descriptors left for relay sockets: clients hear 508, nothing leaks, later ones succeed. */

import { readdirSync } from "node:fs";
import { constants } from "node:os";
import { platform } from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadLibc } from "../../src/net/udp-batch/libc.ts";
import { openUdpEngine } from "../../src/net/udp-engine.ts";
import { evenPortAttribute } from "../../src/stun/attributes.ts";
import { EndpointKeeper, hasIpv6, openSocketTarget } from "../conformance/socket-target.ts";
import type { Target } from "../conformance/target.ts";

const { EMFILE } = constants.errno;
const ALL = Number.POSITIVE_INFINITY;

describe.runIf(platform === "linux")("no descriptors left", () => {
  let left: number;
  let target: Target;

  beforeEach(async () => {
    left = ALL;
    const endpoints = new EndpointKeeper();
    const engine = await openUdpEngine("batch", fail, 1, loadScarceLibc);
    target = await openSocketTarget({}, endpoints, {
      engine,
      listen: (ip, turn) => engine.listen({ ip, port: 0, turn }),
      connect: endpoints.connectUdp,
    });
  });

  afterEach(() => target.close());

  /** The system's own, with so many sockets left. */
  async function loadScarceLibc() {
    const result = await loadLibc();
    if (!result.ok) return result;
    const { libc } = result;
    let isScarce = false;
    function socket(...args: number[]): number {
      isScarce = left-- <= 0;
      return isScarce ? -1 : libc.socket(...args);
    }
    return { ok: true, libc: { ...libc, socket, errno: () => (isScarce ? EMFILE : libc.errno()) } } as const;
  }

  const openCount = () => readdirSync("/proc/self/fd").length;

  test.each([
    ["an address", 0, {}],
    ["an even port with the next", 1, { attributes: [evenPortAttribute(true)] }],
  ])("for %s: 508, and the next Allocate has it", async (_name, sockets, options) => {
    const client = await target.client();
    await client.authentication();
    const before = openCount();
    left = sockets;
    expect((await client.allocate(options)).outcome).toBe(508);
    expect(target.controls.allocationCount).toBe(0);
    await expect.poll(openCount).toBe(before);
    left = ALL;
    expect((await client.allocate(options)).outcome).toBe("success");
  });

  test.skipIf(!hasIpv6())(
    "for the second of two addresses: the first is had, 508 is said of the other",
    async () => {
      const client = await target.client();
      await client.authentication();
      const before = openCount();
      left = 1;
      const answer = await client.allocate({ isDual: true });
      expect([answer.outcome, answer.relayedAddress?.family]).toEqual(["success", 4]);
      expect(openCount()).toBe(before + 1);
      left = ALL;
      expect((await client.refresh(0)).outcome).toBe("success");
      await expect.poll(openCount).toBe(before);
      expect((await client.allocate({ isDual: true })).outcome).toBe("success");
    },
  );
});

function fail(error: unknown): never {
  throw error;
}
