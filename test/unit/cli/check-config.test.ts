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
      `turnpike.json: tlsCert ${join(folder, "no-cert.pem")}: cannot be read (ENOENT)`,
      `turnpike.json: tlsKey ${join(folder, "no-key.pem")}: cannot be read (ENOENT)`,
    ]);
    expect(await check(TLS)).toEqual(GOOD);
  });

  test("holds the key against the certificate", async () => {
    const { exitCode, complaints } = await check({ ...TLS, tlsKey: "other.pem" });
    expect(exitCode).toBe(1);
    expect(complaints).toEqual([
      `turnpike.json: tlsKey ${join(folder, "other.pem")}: does not belong to the certificate`,
    ]);
    expect(await check(TLS)).toEqual(GOOD);
  });

  test("looks into the files whatever else is wrong", async () => {
    const { complaints } = await check({ tlsCert: "no-cert.pem", tlsKey: "no-key.pem", ttlSeconds: 0 });
    expect(complaints).toEqual([
      expect.stringContaining("no-cert.pem: cannot be read"),
      expect.stringContaining("no-key.pem: cannot be read"),
      expect.stringContaining("ttlSeconds 0: must be"),
      expect.stringContaining("tlsPort: is missing"),
    ]);
    expect(await check(TLS)).toEqual(GOOD);
  });

  test.each(["utf8", "base64"] as const)(
    "shows no key that stands where its path should (%s)",
    async (encoding) => {
      const key = Buffer.from(createSelfSignedCertificate().key).toString(encoding);
      for (const command of ["check-config", "serve"]) {
        const terminal = createFakeTerminal({ TURNPIKE_TLS_KEY: key });
        const flags = ["--tls-port", "443", "--tls-cert", join(folder, "cert.pem")];
        expect(await main([command, ...flags], terminal)).toBe(1);
        const told = ["TURNPIKE_TLS_KEY: must be the path of a PEM file, not what it holds"];
        expect(terminal.complaints).toEqual(told);
      }
      expect(await check(TLS)).toEqual(GOOD);
    },
  );

  test("tells what `serve` tells of TLS files, by the flags that name them", async () => {
    const flags = ["--tls-port", "443", "--tls-cert", join(folder, "key.pem"), "--tls-key=/nowhere"];
    const complaints = await Promise.all(
      ["check-config", "serve"].map(async (command) => {
        const terminal = createFakeTerminal();
        expect(await main([command, ...flags], terminal)).toBe(1);
        return terminal.complaints;
      }),
    );
    const lines = [
      `--tls-cert ${join(folder, "key.pem")}: holds a key, and no certificate (PEM)`,
      "--tls-key /nowhere: cannot be read (ENOENT)",
    ];
    expect(complaints).toEqual([lines, lines]);
    expect(await check(TLS)).toEqual(GOOD);
  });
});
