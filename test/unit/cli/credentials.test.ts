import { describe, expect, test } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { type Credential, createCredentialVerifier } from "../../../src/credentials/turn-credentials.ts";
import { longTermKey } from "../../../src/stun/integrity.ts";
import { createFakeTerminal } from "../../support/fake-terminal.ts";

const SECRET = "the secret of this test";
const REALM = "turnpike.test";

interface Printed extends Credential {
  readonly expiresAt: number;
  readonly iceServers: readonly { readonly urls: readonly string[] }[];
}

async function run(
  args: readonly string[],
  environment: Record<string, string> = { TURNPIKE_SECRET: SECRET },
) {
  const terminal = createFakeTerminal(environment);
  const exitCode = await main(["credentials", ...args], terminal);
  return { exitCode, printed: terminal.printed.join("\n"), complaints: terminal.complaints };
}

async function print(args: readonly string[], environment?: Record<string, string>): Promise<Printed> {
  const { exitCode, printed } = await run(["--public-host", "call.example.com", ...args], environment);
  expect(exitCode).toBe(0);
  return JSON.parse(printed) as Printed;
}

function verifierAt(nowSeconds: number, secrets = [SECRET]) {
  return createCredentialVerifier({
    secrets,
    users: [],
    realm: REALM,
    nowSeconds: () => nowSeconds,
    hasSeat: () => false,
  });
}

describe("turnpike credentials prints", () => {
  test("the servers of --turn-url where those serve instead of our own", async () => {
    const { iceServers } = await print(["--turn-url", "turn:one.example:3478"]);
    expect(iceServers.flatMap(({ urls }) => urls)).toEqual(["turn:one.example:3478"]);
  });

  test("what the server's verifier takes until it expires", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { username, credential, expiresAt } = await print(["--name", "alice", "--ttl", "600"]);
    expect(expiresAt - before).toBeGreaterThanOrEqual(600);
    expect(username).toBe(`${expiresAt}:alice`);
    const user = verifierAt(expiresAt - 1).findUser(username);
    expect(user?.userId).toBe("alice");
    expect(user?.keys.md5).toEqual([longTermKey(username, REALM, credential)]);
    expect(verifierAt(expiresAt).findUser(username)).toBeUndefined();
  });

  test("iceServers with the same credentials", async () => {
    const { username, credential, iceServers } = await print(["--turn-port", "3479"]);
    expect(username).toMatch(/:user$/);
    expect(iceServers).toEqual([
      { urls: ["stun:call.example.com:3479"] },
      {
        urls: ["turn:call.example.com:3479?transport=udp", "turn:call.example.com:3479?transport=tcp"],
        username,
        credential,
      },
    ]);
  });

  test("what the newest secret signs", async () => {
    const { username, credential } = await print([], { TURNPIKE_SECRET: `${SECRET}\nan older one` });
    const user = verifierAt(0, [SECRET]).findUser(username);
    expect(user?.keys.md5).toEqual([longTermKey(username, REALM, credential)]);
  });

  test("the external address, or localhost with a warning, where no public host is given", async () => {
    const external = await run(["--external-ip", "2001:db8::7"]);
    expect(external).toMatchObject({ exitCode: 0, complaints: [] });
    expect(external.printed).toContain('"stun:[2001:db8::7]:3478"');
    const local = await run([]);
    expect(local.printed).toContain('"stun:localhost:3478"');
    expect(local.complaints).toEqual([expect.stringContaining("--public-host")]);
  });
});

describe("turnpike credentials refuses", () => {
  async function expectRefused(args: readonly string[], line: string, environment?: Record<string, string>) {
    const refused = await run(args, environment);
    expect(refused).toEqual({ exitCode: 1, printed: "", complaints: [line] });
    expect((await print([])).username).toMatch(/:user$/);
  }

  test("to sign with a secret that no server has", async () => {
    const line = "--secret: is missing: give the server's, best as TURNPIKE_SECRET or in the file";
    await expectRefused([], line, {});
  });

  test.each(["r.peer.key", "r.a-_.b"])("a name like a room's: %s", async (name) => {
    await expectRefused(["--name", name], "--name: must not look like the user of a room");
  });

  test.each(["a\nb", "x".repeat(129), ""])("a name that is no text: %j", async (name) => {
    await expectRefused([`--name=${name}`], "--name: must be text of 1 to 128 characters");
  });

  test("a port that is not known yet", async () => {
    const line = "--turn-port: must be the port that the server listens on, not 0";
    await expectRefused(["--turn-port", "0"], line);
  });
});
