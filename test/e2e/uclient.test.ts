/**
 * coturn's own test client against our relay: no packet may be lost, in any of its modes. `-e -r`: an echo peer
 * (`turnutils_peer`); `-s`: Send indications instead of channels; `-c`: one allocation instead of an RTP and RTCP pair
 * (EVEN-PORT and RESERVATION-TOKEN); `-y`: client to client; `-x`: a relayed IPv6 address; `-Z`: one of each family; `-t`: over
 * TCP; `-t -S`: over TLS.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CertificateFiles, makeCertificateFiles } from "./support/certificate-files.ts";
import { TestProcess } from "./support/child-process.ts";
import { eventually } from "./support/eventually.ts";
import { freePort } from "./support/free-port.ts";
import { listensOnUdp } from "./support/listening.ts";
import { type Machine, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";
import { runUclient } from "./support/uclient.ts";

const SECRET = "only for this test";
const CREDENTIAL_FLAGS = ["--secret", SECRET, "--user", "ann:correct horse"];

const CREDENTIALS = [
  ["a static user", ["-u", "ann", "-w", "correct horse"]],
  ["REST credentials", ["-u", "ann", "-W", SECRET]],
] as const;

const TLS_PORT = 443;

/** A message every 5 ms. */
const LOAD = ["-n", "100", "-z", "5"];

interface Place {
  readonly server: string;
  readonly server6: string;
  readonly turnPort: number;
  readonly tlsPort?: number;
  readonly peer: string;
  readonly peer6: string;
  readonly peerPort: number;
  readonly clientPrefix: readonly string[];
}

/** What uclient is told besides the credentials, in which mode. The last word is the server. */
const MODES: readonly (readonly [string, (place: Place) => readonly string[]])[] = [
  ["channels to an echo peer", (at) => [...echo(at), at.server]],
  ["-s: Send indications", (at) => ["-s", ...echo(at), at.server]],
  ["-c: without the RTCP pair", (at) => ["-c", ...echo(at), at.server]],
  ["-y: client to client", (at) => ["-y", at.server]],
  ["-y -s: client to client by Send indications", (at) => ["-y", "-s", at.server]],
  ["-x: a relayed IPv6 address", (at) => ["-x", "-e", at.peer6, "-r", String(at.peerPort), at.server6]],
  ["-x -y: client to client over IPv6", (at) => ["-x", "-y", at.server6]],
  ["-x from an IPv4 client", (at) => ["-x", "-e", at.peer6, "-r", String(at.peerPort), at.server]],
];

/** With its last Refresh uclient gives back one address of two, at random, or both: what is left cannot be counted. */
const DUAL_MODES: typeof MODES = [
  ["-Z -y: dual allocations, client to client", (at) => ["-Z", "-y", at.server]],
  ["-Z -y -s: dual allocations over IPv6, by Send indications", (at) => ["-Z", "-y", "-s", at.server6]],
];

function echo(at: Place): readonly string[] {
  return ["-e", at.peer, "-r", String(at.peerPort)];
}

type Transport = "udp" | "tcp" | "tls";

function reaching(place: Place, transport: Transport): readonly string[] {
  if (transport === "tls") return ["-t", "-S", "-p", String(place.tlsPort)];
  return [...(transport === "tcp" ? ["-t"] : []), "-p", String(place.turnPort)];
}

async function expectNothingLost(
  place: Place,
  credential: readonly string[],
  mode: readonly string[],
  transport: Transport = "udp",
) {
  const args = [...credential, ...LOAD, ...reaching(place, transport), ...mode];
  const report = await runUclient(args, place.clientPrefix);
  expect(report, report.output).toMatchObject({ code: 0, lost: 0 });
  expect(report.sent, report.output).toBeGreaterThanOrEqual(100);
  expect(report.received, report.output).toBe(report.sent);
}

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
      const flags = [...CREDENTIAL_FLAGS, ...certificate.flags, "--tls-port", String(TLS_PORT)];
      server = await TurnpikeProcess.start({ prefix: host.prefix, ports, flags });
      peers = await startPeers(peer.prefix, [peer.address, peer.address6], 3480);
      place = {
        server: host.address,
        server6: host.address6,
        turnPort: ports.turn,
        tlsPort: TLS_PORT,
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

    describe.each(CREDENTIALS)("with %s", (_name, credential) => {
      test.each(MODES)("%s: 0 lost packets", async (_mode, args) => {
        await expectNothingLost(place, credential, args(place));
      });
    });

    describe.each(["tcp", "tls"] as const)("over %s", (transport) => {
      test.each(MODES)("%s: 0 lost packets", async (_mode, args) => {
        await expectNothingLost(place, CREDENTIALS[1][1], args(place), transport);
      });
    });

    test("what the clients gave back is gone; of each run over UDP its trial allocation is left, which uclient never frees", async () => {
      const runs = CREDENTIALS.length * MODES.length;
      await eventually(
        "one allocation per run",
        async () => (await server.metrics()).total("turnpike_allocations"),
        (allocations) => allocations === runs,
      );
    });

    test.each(DUAL_MODES)("%s: 0 lost packets", async (_mode, args) => {
      await expectNothingLost(place, CREDENTIALS[0][1], args(place));
    });

    test("a wrong password gets no allocation, and the right one still does", async () => {
      const wrong = ["-u", "ann", "-w", "wrong"];
      const report = await runUclient(
        [...wrong, "-y", "-p", String(place.turnPort), place.server],
        place.clientPrefix,
      );
      expect(report.output).toContain("Cannot complete Allocation");
      expect(report.lost).toBeUndefined();
      await expectNothingLost(place, CREDENTIALS[0][1], ["-y", place.server]);
    });
  },
);

describe.skipIf(isMissing("turnutils_uclient", "turnutils_peer"))("uclient on loopback, with --dev", () => {
  let server: TurnpikeProcess;
  let place: Place;
  let peers: readonly TestProcess[] = [];

  beforeAll(async () => {
    server = await TurnpikeProcess.start({ flags: ["--dev", ...CREDENTIAL_FLAGS] });
    const peerPort = await freePort();
    peers = await startPeers([], ["127.0.0.1", "::1"], peerPort);
    place = {
      server: "127.0.0.1",
      server6: "::1",
      turnPort: server.ports.turn,
      peer: "127.0.0.1",
      peer6: "::1",
      peerPort,
      clientPrefix: [],
    };
  });

  afterAll(async () => {
    await Promise.all(peers.map((peer) => peer.stop()));
    expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
  });

  test.each([...MODES, ...DUAL_MODES])("%s: 0 lost packets", async (_mode, args) => {
    await expectNothingLost(place, CREDENTIALS[0][1], args(place));
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
