import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { createFakeTerminal } from "../../support/fake-terminal.ts";
import { createSelfSignedCertificate } from "../../support/self-signed.ts";

const folder = mkdtempSync(join(tmpdir(), "turnpike-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  const { cert, key } = createSelfSignedCertificate();
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key);
  writeFileSync(join(folder, "other.pem"), createSelfSignedCertificate().key);
});

async function check(content: object) {
  const file = join(folder, "turnpike.json");
  writeFileSync(file, JSON.stringify(content));
  const terminal = createFakeTerminal();
  const exitCode = await main(["check-config", "--config", file], terminal);
  return { exitCode, printed: terminal.printed, complaints: terminal.complaints };
}

const TLS = { tlsPort: 443, tlsCert: "cert.pem", tlsKey: "key.pem" };
const GOOD = { exitCode: 0, printed: ["The configuration is good."], complaints: [] };

describe("turnpike check-config", () => {
  test("finds a good configuration good", async () => {
    expect(await check({ realm: "a", ...TLS })).toEqual(GOOD);
  });

  test("tells every error with its place", async () => {
    expect(await check({ roomSize: 1, colour: "red" })).toEqual({
      exitCode: 1,
      printed: [],
      complaints: [
        "turnpike.json: roomSize 1: must be a whole number from 2 to 1000",
        "turnpike.json: colour: is no setting",
      ],
    });
    expect(await check({})).toEqual(GOOD);
  });

  test("names every TLS file that cannot be read", async () => {
    const { exitCode, complaints } = await check({ ...TLS, tlsCert: "no-cert.pem", tlsKey: "no-key.pem" });
    expect(exitCode).toBe(1);
    expect(complaints).toEqual([
      expect.stringMatching(/^tlsCert: .*no-cert\.pem/),
      expect.stringMatching(/^tlsKey: .*no-key\.pem/),
    ]);
    expect(await check(TLS)).toEqual(GOOD);
  });

  test("holds the key against the certificate", async () => {
    const { exitCode, complaints } = await check({ ...TLS, tlsKey: "other.pem" });
    expect(exitCode).toBe(1);
    expect(complaints).toEqual([expect.stringMatching(/^tlsCert, tlsKey: .*mismatch/)]);
    expect(await check(TLS)).toEqual(GOOD);
  });
});
