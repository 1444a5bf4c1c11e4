/** coturn's own test client against our relay: no packet may be lost, in any mode, over any transport (`uclient-modes.ts`). */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type CertificateFiles, makeCertificateFiles } from "./support/certificate-files.ts";
import { TestProcess } from "./support/child-process.ts";
import { eventually } from "./support/eventually.ts";
import { freePort } from "./support/free-port.ts";
import { listensOnUdp } from "./support/listening.ts";
import { type Machine, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";
import { runUclient } from "./support/uclient.ts";
import {
  MODES,
  type Mode,
  type Place,
  reaching,
  TRANSPORTS,
  type Transport,
} from "./support/uclient-modes.ts";

const SECRET = "only for this test";
const CREDENTIAL_FLAGS = ["--secret", SECRET, "--user", "ann:correct horse"];
const REST = ["-u", "ann", "-W", SECRET];
const STATIC_USER = ["-u", "ann", "-w", "correct horse"];

const MESSAGES = 20;
/** A message every 5 ms. */
const LOAD = ["-n", String(MESSAGES), "-z", "5"];

async function expectNothingLost(
  place: Place,
  { args, streams }: Mode,
  transport: Transport,
  credential: readonly string[],
) {
  const flags = [...credential, ...LOAD, ...reaching(place, transport), ...args(place)];
  const report = await runUclient(flags, place.clientPrefix);
  const all = MESSAGES * streams;
  expect(report, report.output).toMatchObject({ code: 0, lost: 0, sent: all, received: all });
}

function modeCalled(name: string): Mode {
  const found = MODES.find((mode) => mode.name === name);
  if (found === undefined) throw new Error(`no mode ${name}`);
  return found;
}

/** Most of its time a run sleeps: many go side by side. */
vi.setConfig({ maxConcurrency: 12 });

describe.skipIf(isMissing("turnutils_uclient", "turnutils_peer", "namespaces"))(
  "uclient on machines of their own, the server with its defaults",
  () => {
    let lab: NetworkLab;
    let certificate: CertificateFiles;
    let server: TurnpikeProcess;
    let place: Place;
    let peers: readonly TestProcess[] = [];

    beforeAll(async () => {
      lab = new NetworkLab();
      const [host, client, peer] = ["srv", "cli", "peer"].map((name) => lab.addHost(name)) as [
        Machine,
        Machine,
        Machine,
      ];
      const ports = { http: 8080, turn: 3478, admin: 9090 };
      certificate = makeCertificateFiles();
      const flags = [...CREDENTIAL_FLAGS, ...certificate.flags, "--tls-port", "443"];
      server = await TurnpikeProcess.start({ prefix: host.prefix, ports, flags });
      peers = await startPeers(peer.prefix, [peer.address, peer.address6], 3480);
      place = {
        server: host.address,
        server6: host.address6,
        turnPort: ports.turn,
        tlsPort: 443,
        peer: peer.address,
        peer6: peer.address6,
        peerPort: 3480,
        clientPrefix: client.prefix,
      };
    });

    afterAll(async () => {
      await Promise.all(peers.map((peer) => peer.stop()));
      const exit = await server?.stop();
      lab?.remove();
      certificate?.remove();
      expect(exit).toEqual({ code: 0, signal: undefined });
    });

    describe.concurrent("with REST credentials (-W)", () => {
      describe.each(TRANSPORTS)("over %s", (transport) => {
        test.for(MODES.filter(({ isDual }) => isDual !== true))("$name: 0 lost packets", (mode) =>
          expectNothingLost(place, mode, transport, REST),
        );
      });
    });

    test("what the clients gave back is gone; of each run over UDP its trial allocation is left, which uclient never frees", async () => {
      await eventually(
        "one allocation per run over UDP",
        async () => (await server.metrics()).total("turnpike_allocations"),
        (allocations) => allocations === MODES.filter(({ isDual }) => isDual !== true).length,
      );
    });

    describe.concurrent("dual allocations, with REST credentials (-W)", () => {
      describe.each(TRANSPORTS)("over %s", (transport) => {
        test.for(MODES.filter(({ isDual }) => isDual === true))("$name: 0 lost packets", (mode) =>
          expectNothingLost(place, mode, transport, REST),
        );
      });
    });

    describe.concurrent("with a static user", () => {
      describe.each(TRANSPORTS)("over %s", (transport) => {
        test.for(["channels", "-y", "-Z"])("%s: 0 lost packets", (name) =>
          expectNothingLost(place, modeCalled(name), transport, STATIC_USER),
        );
      });
    });

    test.each(TRANSPORTS)(
      "over %s a wrong password gets no allocation, and the right one still does",
      async (transport) => {
        const wrong = ["-u", "ann", "-w", "wrong", ...reaching(place, transport), "-y", place.server];
        const report = await runUclient(wrong, place.clientPrefix);
        expect(report.output).toContain("Cannot complete Allocation");
        expect(report.lost).toBeUndefined();
        await expectNothingLost(place, modeCalled("-c"), transport, STATIC_USER);
      },
    );
  },
);

describe.skipIf(isMissing("turnutils_uclient", "turnutils_peer"))("uclient on loopback, with --dev", () => {
  let certificate: CertificateFiles;
  let server: TurnpikeProcess;
  let place: Place;
  let peers: readonly TestProcess[] = [];

  beforeAll(async () => {
    certificate = makeCertificateFiles();
    const tlsPort = await freePort();
    const flags = ["--dev", ...CREDENTIAL_FLAGS, ...certificate.flags, "--tls-port", String(tlsPort)];
    server = await TurnpikeProcess.start({ flags });
    const peerPort = await freePort();
    peers = await startPeers([], ["127.0.0.1", "::1"], peerPort);
    place = {
      server: "127.0.0.1",
      server6: "::1",
      turnPort: server.ports.turn,
      tlsPort,
      peer: "127.0.0.1",
      peer6: "::1",
      peerPort,
      clientPrefix: [],
    };
  });

  afterAll(async () => {
    await Promise.all(peers.map((peer) => peer.stop()));
    certificate?.remove();
    expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
  });

  describe.concurrent.each(TRANSPORTS)("over %s", (transport) => {
    test.for(["channels", "-s", "-y", "-x", "-Z"])("%s: 0 lost packets", (name) =>
      expectNothingLost(place, modeCalled(name), transport, STATIC_USER),
    );
  });
});

/** An echo on each address, on a port and on the next one. */
async function startPeers(prefix: readonly string[], addresses: readonly string[], port: number) {
  const peers = addresses.map((address) =>
    TestProcess.start([...prefix, "turnutils_peer", "-L", address, "-p", String(port)]),
  );
  await listensOnUdp(port, prefix);
  return peers;
}
