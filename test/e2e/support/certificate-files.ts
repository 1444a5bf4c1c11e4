/** A self-signed certificate for localhost in files, for a server in a process of its own. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSelfSignedCertificate } from "../../support/self-signed.ts";
import { makeTempDir } from "./temp-dir.ts";

export interface CertificateFiles {
  /** Of Turnpike. */
  readonly flags: readonly string[];
  /** What clients trust, as PEM. */
  readonly certificate: string;
  /** The same, in a file. */
  readonly certificateFile: string;
  readonly keyFile: string;
  remove(): void;
}

export function makeCertificateFiles(): CertificateFiles {
  const folder = makeTempDir("certificate");
  const [cert, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  const { cert: certificate, key: privateKey } = createSelfSignedCertificate();
  writeFileSync(cert, certificate);
  writeFileSync(key, privateKey);
  const flags = ["--tls-cert", cert, "--tls-key", key];
  return { flags, certificate, certificateFile: cert, keyFile: key, remove: folder.remove };
}
