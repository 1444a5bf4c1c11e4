/**
 * coturn's own test client against TCP allocations (RFC 6062). `-T`: clients allocate over TCP, connect to each other's relayed address
 * and bind what comes of it; `-S`: inside TLS; `-x`: relayed IPv6 addresses; `-m 4`: four clients, each connected to several.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CertificateFiles, makeCertificateFiles } from "./support/certificate-files.ts";
import { type Machine, NetworkLab } from "./support/network-lab.ts";
import { isMissing } from "./support/requirements.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";
import { runUclient } from "./support/uclient.ts";

const SECRET = "only for this test";
const STATIC_USER = ["-u", "ann", "-w", "correct horse"];
const REST = ["-u", "ann", "-W", SECRET];
const MESSAGES = 100;
/** A message every 5 ms. */
const LOAD = ["-T", "-n", String(MESSAGES), "-z", "5"];
const PORTS = { http: 8080, turn: 3478, admin: 9090 };
const TLS_PORT = 443;

describe.skipIf(isMissing("turnutils_uclient", "namespaces"))("uclient -T on a machine of its own", () => {
  let lab: NetworkLab;
  let certificate: CertificateFiles;
  let host: Machine;
  let client: Machine;
  let server: TurnpikeProcess;

  beforeAll(async () => {
    lab = new NetworkLab();
    [host, client] = ["srv", "cli"].map((name) => lab.addHost(name)) as [Machine, Machine];
    certificate = makeCertificateFiles();
    server = await start("--tcp-relay");
  });

  afterAll(async () => {
    const exit = await server?.stop();
    lab?.remove();
    certificate?.remove();
    expect(exit).toEqual({ code: 0, signal: undefined });
  });

  function start(...more: readonly string[]): Promise<TurnpikeProcess> {
    const tls = [...certificate.flags, "--tls-port", String(TLS_PORT)];
    const users = ["--secret", SECRET, "--user", "ann:correct horse"];
    return TurnpikeProcess.start({ prefix: host.prefix, ports: PORTS, flags: [...users, ...tls, ...more] });
  }

  const over = {
    tcp: ["-p", String(PORTS.turn)],
    tls: ["-S", "-p", String(TLS_PORT)],
  };

  test.each([
    ["over TCP, a static user", () => [...STATIC_USER, ...over.tcp, host.address], 2],
    ["over TCP, REST credentials", () => [...REST, ...over.tcp, host.address], 2],
    ["inside TLS", () => [...REST, ...over.tls, host.address], 2],
    ["over IPv6", () => [...REST, "-x", ...over.tcp, host.address6], 2],
    ["inside TLS over IPv6", () => [...REST, "-x", ...over.tls, host.address6], 2],
    ["four clients", () => [...REST, "-m", "4", ...over.tcp, host.address], 4],
  ] as const)("%s: 0 lost", async (_name, args, streams) => {
    const report = await runUclient([...LOAD, ...args()], client.prefix);
    const all = MESSAGES * streams;
    expect(report, report.output).toMatchObject({ code: 0, lost: 0, sent: all, received: all });
  });

  test("nothing is left of it", async () => {
    await expect
      .poll(async () => {
        const metrics = await server.metrics();
        return ["turnpike_allocations", "turnpike_relayed_connections"].map((name) => metrics.total(name));
      })
      .toEqual([0, 0]);
  });

  test("without --tcp-relay there is no such allocation", async () => {
    await server.stop();
    server = await start();
    const report = await runUclient([...LOAD, ...REST, ...over.tcp, host.address], client.prefix);
    expect(report.output).toContain("error 442");
    expect(report.lost).toBeUndefined();
  });
});
