/** DONT-FRAGMENT and ICMP over a path that carries less than the relay's own network, and what is told of it. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestProcess } from "./support/child-process.ts";
import { NARROW_MTU, PathLab } from "./support/path-lab.ts";
import type { Change, PathReport, Step } from "./support/path-scenario.ts";
import { isMissing } from "./support/requirements.ts";

const CHILD = new URL("support/path-child.mjs", import.meta.url).pathname;
const BURST = 8;
const HEADERS = { ipv4: 28, ipv6: 48 };

describe.skipIf(isMissing("namespaces", "ethtool"))("a path that carries 1,280 bytes", () => {
  let lab: PathLab;

  beforeAll(() => {
    lab = new PathLab();
  });

  afterAll(() => lab.remove());

  async function relay(family: "ipv4" | "ipv6", steps: readonly (Step | Change)[]): Promise<PathReport> {
    const command = [process.execPath, CHILD, lab.relay[family], lab.peer[family], JSON.stringify(steps)];
    const child = TestProcess.start([...lab.prefix, ...command]);
    const [, report = ""] = await child.printed(/^report (.*)$/m, 30_000);
    await child.stop();
    return JSON.parse(report) as PathReport;
  }

  const large = (dontFragment: boolean): Step => ({ bytes: NARROW_MTU, dontFragment });

  test("over IPv4 DF is set where the client asks for it and nowhere else, and it is told what the path carries", async () => {
    const fits = { bytes: NARROW_MTU - HEADERS.ipv4, dontFragment: true };
    const { told, sendErrors } = await relay("ipv4", [
      large(false),
      large(true),
      large(true),
      fits,
      large(false),
    ]);
    const target = `${lab.peer.ipv4}:4000`;
    const unreachable = { target, icmpType: 3, icmpCode: 3, errorData: 0 };
    const tooBig = { target, icmpType: 3, icmpCode: 4, errorData: NARROW_MTU };
    expect(told).toEqual([[unreachable], [tooBig], [tooBig], [unreachable], [unreachable]]);
    // The second one the relay's machine knew to be too large.
    expect(sendErrors).toEqual({ EMSGSIZE: 1 });
    expect(lab.seen()).toEqual({ df: 2, free: 2 });
  });

  test("over IPv6 the relay cuts to what the path carries, and with DONT-FRAGMENT tells what that is", async () => {
    const fits = { bytes: NARROW_MTU - HEADERS.ipv6, dontFragment: true };
    const { told, sendErrors } = await relay("ipv6", [large(true), large(true), fits, large(false)]);
    const target = `[${lab.peer.ipv6}]:4000`;
    const unreachable = { target, icmpType: 1, icmpCode: 4, errorData: 0 };
    const tooBig = { target, icmpType: 2, icmpCode: 0, errorData: NARROW_MTU };
    expect(told).toEqual([[tooBig], [tooBig], [unreachable], [unreachable]]);
    expect(sendErrors).toEqual({ EMSGSIZE: 1 });
  });

  test("an address that goes away costs the packets that leave meanwhile, counted, and no more", async () => {
    const [address, step] = [`${lab.relay.ipv4}/24 dev wan`, { bytes: 100, dontFragment: false }];
    const back = `ip address add ${address} && ip route add default via ${lab.router.ipv4}`;
    const { told, sendErrors } = await relay("ipv4", [
      step,
      { run: `ip address del ${address}` },
      { ...step, packets: BURST },
      { run: back },
      { ...step, packets: BURST },
    ]);
    const lost = Object.values(sendErrors).reduce((sum, packets) => sum + packets, 0);
    expect(lost).toBe(BURST);
    expect(told.map((errors) => errors.length > 0)).toEqual([true, false, true]);
  });

  test.each([
    ["without checksums and segments of its own", "ethtool -K wan tx off tso off gso off"],
    ["smaller than the packets", `ip link set wan mtu ${NARROW_MTU}`],
  ])("a device %s gets every packet of a burst", async (_name, run) => {
    const before = lab.seen().free;
    const { sendErrors } = await relay("ipv4", [
      { run },
      { bytes: 1400, dontFragment: false, packets: BURST },
    ]);
    expect(sendErrors).toEqual({});
    // Of one that is cut in two, the first piece has the port.
    expect(lab.seen().free - before).toBe(BURST);
  });
});
