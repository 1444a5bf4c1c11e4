/** A certificate authority of the test's own, and browsers that trust it. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./child-process.ts";

export interface TestAuthority {
  readonly caFile: string;
  /** For the host, with its key. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** Writes into the folder an authority, and a certificate of it for a host name. */
export async function createTestAuthority(folder: string, host: string): Promise<TestAuthority> {
  const path = (name: string) => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await succeed([
    ...["openssl", "req", "-x509", ...newKey, "-keyout", path("ca.key"), "-out", path("ca.pem")],
    ...["-days", "2", "-subj", "/CN=Turnpike test authority", "-addext", "keyUsage=critical,keyCertSign"],
  ]);
  await succeed([
    ...["openssl", "req", ...newKey, "-keyout", path("host.key"), "-out", path("host.csr")],
    ...["-subj", `/CN=${host}`],
  ]);
  writeFileSync(path("host.ext"), `subjectAltName=DNS:${host}\nbasicConstraints=critical,CA:FALSE\n`);
  await succeed([
    ...["openssl", "x509", "-req", "-in", path("host.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key")],
    ...["-CAcreateserial", "-days", "2", "-extfile", path("host.ext"), "-out", path("host.pem")],
  ]);
  return { caFile: path("ca.pem"), certFile: path("host.pem"), keyFile: path("host.key") };
}

/** Puts the authority into an NSS database: `$HOME/.pki/nssdb` for Chromium, the profile for Firefox. */
export async function trustAuthority(database: string, caFile: string): Promise<void> {
  mkdirSync(database, { recursive: true });
  await succeed(["certutil", "-d", `sql:${database}`, "-N", "--empty-password"]);
  await succeed(["certutil", "-d", `sql:${database}`, "-A", "-n", "test", "-t", "C,,", "-i", caFile]);
}

async function succeed(command: readonly string[]): Promise<void> {
  const { code, output } = await run(command);
  if (code !== 0) throw new Error(`${command.slice(0, 2).join(" ")} ended with ${code}: ${output}`);
}
