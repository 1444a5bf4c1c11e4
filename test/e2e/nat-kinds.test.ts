/** The NATs of the other tests do what their names say: a call behind "symmetric" shows something only if it is one. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NAT_KINDS, type NatKind } from "./support/nat.ts";
import { type Home, NetworkLab } from "./support/network-lab.ts";
import { type Endpoint, type Heard, Probe } from "./support/probe.ts";
import { isMissing } from "./support/requirements.ts";

const HTTPS = 443;
const OTHER_PORT = 3478;

describe.skipIf(isMissing("namespaces"))("a NAT of the lab", () => {
  let lab: NetworkLab;
  const machines = new Map<NatKind, Home>();
  /** Two machines on the internet, with two ports each. */
  let near: Probe;
  let far: Probe;
  /** The one behind the NAT, and the port that it speaks from: another one in each test. */
  let home: Probe;
  let homePort = 5000;
  let words = 0;

  beforeAll(async () => {
    lab = new NetworkLab();
    for (const kind of NAT_KINDS) machines.set(kind, lab.addHome(kind, kind));
    near = await Probe.start(lab.addHost("near"), [HTTPS, OTHER_PORT]);
    far = await Probe.start(lab.addHost("far"), [HTTPS, OTHER_PORT]);
  });

  afterEach(() => {
    home.close();
    for (const { heard } of [near, far]) heard.length = 0;
  });

  afterAll(() => {
    for (const probe of [near, far]) probe?.close();
    lab.remove();
  });

  async function goBehind(kind: NatKind): Promise<void> {
    home = await Probe.start(machines.get(kind) as Home, [++homePort]);
  }

  /** Sends from the home over UDP; returns the public endpoint that the host sees. */
  async function reach(host: Probe, port: number): Promise<Endpoint> {
    const word = `word ${++words}`;
    await home.say(word, "udp", homePort, host.endpoint(port));
    return (await host.hears(word)).from;
  }

  async function portsSeen(): Promise<number[]> {
    const seen = [await reach(near, HTTPS), await reach(near, OTHER_PORT), await reach(far, HTTPS)];
    for (const { address } of seen) expect(address).toBe(home.machine.publicAddress);
    return seen.map(({ port }) => port);
  }

  const wordsOf = (heard: readonly Heard[]) => heard.map((one) => `${one.transport} ${one.heard}`);

  test.each(["full-cone", "port-restricted"] as const)("%s: one port for all destinations", async (kind) => {
    await goBehind(kind);
    const [first, ...others] = await portsSeen();
    expect(others).toEqual([first, first]);
  });

  test("symmetric: another port for another destination", async () => {
    await goBehind("symmetric");
    // Ports are drawn at random: two of three may be equal once in many thousand runs.
    expect(new Set(await portsSeen()).size).toBeGreaterThan(1);
  });

  test("full-cone: lets everybody in, after the home has sent something", async () => {
    await goBehind("full-cone");
    await far.say("too early", "udp", HTTPS, home.endpoint(homePort));
    const hole = await reach(near, HTTPS);
    await far.say("from a stranger", "udp", OTHER_PORT, hole);
    const { from } = await home.hears("from a stranger");
    expect(from).toEqual(far.endpoint(OTHER_PORT));
    expect(wordsOf(home.heard)).toEqual(["udp from a stranger"]);
  });

  test.each(["port-restricted", "symmetric"] as const)(
    "%s: lets in only who was sent something",
    async (kind) => {
      await goBehind(kind);
      await near.say("too early", "udp", HTTPS, home.endpoint(homePort));
      const hole = await reach(near, HTTPS);
      await far.say("from a stranger", "udp", HTTPS, hole);
      await near.say("from another port", "udp", OTHER_PORT, hole);
      await near.say("answer", "udp", HTTPS, hole);
      await home.hears("answer");
      expect(wordsOf(home.heard)).toEqual(["udp answer"]);
    },
  );

  test("symmetric: who is sent something is let in at its own port, not at that of another", async () => {
    await goBehind("symmetric");
    const [nearHole, farHole] = [await reach(near, HTTPS), await reach(far, HTTPS)];
    await far.say("at the other's", "udp", HTTPS, nearHole);
    await far.say("at its own", "udp", HTTPS, farHole);
    await home.hears("at its own");
    expect(wordsOf(home.heard)).toEqual(["udp at its own"]);
  });

  test("udp-blocked: TCP to any port, and no UDP", async () => {
    await goBehind("udp-blocked");
    for (const port of [HTTPS, OTHER_PORT]) {
      await home.say("blocked", "udp", homePort, near.endpoint(port));
      await home.say(`to ${port}`, "tcp", homePort, near.endpoint(port));
      await near.hears(`to ${port}`);
    }
    expect(wordsOf(near.heard)).toEqual([`tcp to ${HTTPS}`, `tcp to ${OTHER_PORT}`]);
  });

  test("only-tcp-443: TCP to port 443, and nothing else", async () => {
    await goBehind("only-tcp-443");
    for (const port of [HTTPS, OTHER_PORT]) await home.say("blocked", "udp", homePort, near.endpoint(port));
    await home.say("blocked", "tcp", homePort, near.endpoint(OTHER_PORT));
    await home.say("through", "tcp", homePort, near.endpoint(HTTPS));
    await near.hears("through");
    expect(wordsOf(near.heard)).toEqual(["tcp through"]);
  });

  test.each(["full-cone", "port-restricted", "symmetric"] as const)("%s: TCP to any port", async (kind) => {
    await goBehind(kind);
    await home.say("through", "tcp", homePort, near.endpoint(OTHER_PORT));
    await near.hears("through");
  });

  test("a router that is replaced does what the new one does, and no more what the old one did", async () => {
    const replaced = lab.addHome("replaced", "full-cone");
    home = await Probe.start(replaced, [++homePort]);
    const hole = await reach(near, HTTPS);
    replaced.setNat("port-restricted");
    await far.say("from a stranger", "udp", HTTPS, hole);
    await reach(far, OTHER_PORT);
    await far.say("answer", "udp", OTHER_PORT, hole);
    await home.hears("answer");
    expect(wordsOf(home.heard)).toEqual(["udp answer"]);
  });

  test("a home whose UDP has moved is seen at another address, and its TCP where it was", async () => {
    const moving = lab.addHome("moving", "port-restricted");
    home = await Probe.start(moving, [++homePort]);
    const before = await reach(near, HTTPS);
    const moved = moving.moveUdp();
    const after = await reach(near, HTTPS);
    expect([before.address, after.address]).toEqual([moving.publicAddress, moved]);
    await home.say("over tcp", "tcp", homePort, near.endpoint(HTTPS));
    expect((await near.hears("over tcp")).from.address).toBe(moving.publicAddress);
  });
});
