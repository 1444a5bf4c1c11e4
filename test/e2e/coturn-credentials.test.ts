/** The credentials of a join reply are those of the REST convention: a coturn with the same secret takes them. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SignalingClient } from "../support/signaling-client.ts";
import { TestProcess } from "./support/child-process.ts";
import { freePort } from "./support/free-port.ts";
import { listensOnUdp } from "./support/listening.ts";
import { isMissing } from "./support/requirements.ts";
import { makeTempDir } from "./support/temp-dir.ts";
import { TurnpikeProcess } from "./support/turnpike-process.ts";
import { runUclient } from "./support/uclient.ts";

const SHARED_SECRET = "known to both servers";

describe.skipIf(isMissing("turnserver", "turnutils_uclient"))("a coturn beside Turnpike", () => {
  const folder = makeTempDir("coturn");
  const servers: TurnpikeProcess[] = [];
  let coturn: TestProcess;
  let coturnPort: number;

  beforeAll(async () => {
    coturnPort = await freePort();
    coturn = TestProcess.start(coturnCommand(coturnPort, folder.path));
    await listensOnUdp(coturnPort);
  });

  afterAll(async () => {
    for (const server of servers) expect(await server.stop()).toEqual({ code: 0, signal: undefined });
    await coturn?.stop();
    folder.remove();
  });

  /** Joins a room on a server with this secret, and uses what it gives out at the coturn. */
  async function tryAtCoturn(secret: string) {
    const server = await TurnpikeProcess.start({ flags: ["--secret", secret] });
    servers.push(server);
    const member = await SignalingClient.open(`ws://127.0.0.1:${server.ports.http}/signal`);
    const { iceServers } = await member.join("anywhere");
    await member.close();
    const turn = iceServers.find(({ username }) => username !== undefined);
    const credential = ["-u", turn?.username ?? "", "-w", turn?.credential ?? ""];
    return runUclient([...credential, "-y", "-n", "20", "-z", "5", "-p", String(coturnPort), "127.0.0.1"]);
  }

  test("with the same static-auth-secret takes the credentials of a join reply", async () => {
    const report = await tryAtCoturn(SHARED_SECRET);
    expect(report, report.output).toMatchObject({ code: 0, lost: 0 });
    expect(report.received).toBeGreaterThan(0);
  });

  test("does not take those made with another secret", async () => {
    const report = await tryAtCoturn("another one");
    expect(report.output).toContain("Cannot complete Allocation");
    expect(report.received).toBe(0);
  });
});

function coturnCommand(port: number, folder: string): string[] {
  return [
    ...["turnserver", "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", `--listening-port=${port}`],
    ...["--use-auth-secret", `--static-auth-secret=${SHARED_SECRET}`, "--realm=coturn.test"],
    ...["--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli"],
    ...["--log-file=stdout", `--pidfile=${folder}/pid`, `--userdb=${folder}/users`],
  ];
}
