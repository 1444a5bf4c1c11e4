/** A real proxy that passes TCP on: through HAProxy, with PROXY headers of either version, clients keep their own addresses. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatIp, type IpAddress, parseIp, withPort } from "../../src/stun/address.ts";
import { assertSameAddress, assertSuccess } from "../conformance/checks.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6 } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { type CertificateFiles, makeCertificateFiles } from "./support/certificate-files.ts";
import { run, TestProcess } from "./support/child-process.ts";
import { eventually } from "./support/eventually.ts";
import { freePort } from "./support/free-port.ts";
import { isMissing } from "./support/requirements.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";

const ANN = { username: "ann", password: "correct horse" };
const [HERE, THERE] = ["127.0.0.3", "127.0.0.4"];

describe.skipIf(isMissing("haproxy")).each(["send-proxy", "send-proxy-v2"])(
  "behind HAProxy with %s",
  (option) => {
    const folder = makeTempDir("haproxy");
    let certificate: CertificateFiles;
    let server: TurnpikeProcess;
    let haproxy: TestProcess;
    /** Where HAProxy listens. */
    let ports: { readonly turn: number; readonly tls: number };

    beforeAll(async () => {
      certificate = makeCertificateFiles();
      const tlsPort = await freePort();
      server = await TurnpikeProcess.start({
        flags: [
          ...["--host", "127.0.0.1", "--tls-port", String(tlsPort), ...certificate.flags],
          ...["--trusted-proxy", "127.0.0.1", "--max-connections-per-address", "1"],
          ...["--user", `${ANN.username}:${ANN.password}`],
        ],
      });
      ports = { turn: await freePort(), tls: await freePort() };
      const config = join(folder.path, "haproxy.cfg");
      const listeners = [
        listener("turn", ports.turn, server.ports.turn, option),
        listener("tls", ports.tls, tlsPort, option),
      ];
      writeFileSync(config, [DEFAULTS, ...listeners].join("\n"));
      haproxy = TestProcess.start(["haproxy", "-db", "-f", config]);
      for (const port of Object.values(ports)) await listensOnTcp(port);
    });

    afterAll(async () => {
      await haproxy?.stop();
      expect(await server?.stop()).toEqual({ code: 0, signal: undefined });
      certificate?.remove();
      folder.remove();
    });

    function openSignaling(from: string): Promise<SignalingClient> {
      const options = { localAddress: from, rejectUnauthorized: false };
      return SignalingClient.open(`wss://127.0.0.1:${ports.tls}/signal`, options);
    }

    test("a wss client joins, and is counted by its own address", async () => {
      const first = await openSignaling(HERE);
      expect((await first.join("blue-fox")).type).toBe("joined");
      await expect(openSignaling(HERE)).rejects.toThrow("429");
      const other = await openSignaling(THERE);
      expect((await other.join("blue-fox")).peers).toHaveLength(1);
      await Promise.all([first.close(), other.close()]);
    });

    test.each([
      ["TCP over IPv4", "turn", parseIp(HERE), LOOPBACK_4],
      ["TCP over IPv6", "turn", LOOPBACK_6, LOOPBACK_6],
      ["TLS over IPv4", "tls", parseIp(HERE), LOOPBACK_4],
      ["TLS over IPv6", "tls", LOOPBACK_6, LOOPBACK_6],
    ] as const)(
      "an Allocate over %s is answered with the client's own address",
      async (_name, what, ip, to) => {
        const from = ip as IpAddress;
        const ca = what === "tls" ? { ca: certificate.certificate } : {};
        const transport = await openStreamTransport({ server: withPort(to, ports[what]), from, ...ca });
        const client = new TurnClient(transport, ANN);
        const answer = await client.allocate();
        assertSuccess(answer, "Allocate");
        assertSameAddress(answer.mappedAddress, client.local);
        expect(formatIp(client.local)).toBe(formatIp(from));
        assertSuccess(await client.refresh(0), "Refresh(0)");
        await client.close();
      },
    );
  },
);

const DEFAULTS = `
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
`;

function listener(name: string, port: number, target: number, option: string): string {
  return `
listen ${name}
  bind 127.0.0.1:${port}
  bind [::1]:${port}
  server turnpike 127.0.0.1:${target} ${option}
`;
}

async function listensOnTcp(port: number): Promise<void> {
  await eventually(
    `a program on TCP port ${port}`,
    async () => (await run(["ss", "-tlnH", `sport = :${port}`])).output,
    (sockets) => sockets !== "",
  );
}
