/** What is wrong with a certificate and its key, in words that name the file: OpenSSL's name neither. */

import { createSecureContext, type SecureContextOptions } from "node:tls";

export interface CertificateProblem {
  readonly file: "cert" | "key";
  /** The system's or OpenSSL's. */
  readonly code: string;
  /** Reads on behind the file's name. */
  readonly message: string;
}

/** PEM, why it could not be read, or undefined: not to be looked at. */
type Content = Buffer | Error | undefined;

/** OpenSSL's own codes; for empty files it has none. */
const NO_CERTIFICATE = "ERR_OSSL_PEM_NO_START_LINE";
const NO_KEY = "ERR_OSSL_UNSUPPORTED";

export function findCertificateProblems(cert: Content, key: Content): CertificateProblem[] {
  const alone = [...problemOf("cert", cert), ...problemOf("key", key)];
  if (alone.length > 0 || !Buffer.isBuffer(cert) || !Buffer.isBuffer(key)) return alone;
  const error = contextError({ cert, key });
  if (error === undefined) return [];
  const isMismatch = /^ERR_OSSL_X509_KEY_(VALUES|TYPE)_MISMATCH$/.test(codeOf(error));
  const message = isMismatch
    ? "does not belong to the certificate"
    : `cannot be used with the certificate: ${reasonOf(error)}`;
  return [{ file: "key", code: codeOf(error), message }];
}

function problemOf(file: "cert" | "key", content: Content): CertificateProblem[] {
  if (content === undefined) return [];
  if (content instanceof Error) {
    const code = codeOf(content);
    return [{ file, code, message: `cannot be read (${code})` }];
  }
  const text = content.toString("latin1");
  const holdsKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
  const holdsCertificate = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(text);
  if (file === "cert" && !holdsCertificate) {
    return [
      { file, code: NO_CERTIFICATE, message: `holds ${holdsKey ? "a key, and " : ""}no certificate (PEM)` },
    ];
  }
  if (file === "key" && !holdsKey) {
    const instead = holdsCertificate ? "a certificate, and " : "";
    return [{ file, code: NO_KEY, message: `holds ${instead}no private key (PEM)` }];
  }
  return unusable(file, content, text);
}

function unusable(file: "cert" | "key", content: Buffer, text: string): CertificateProblem[] {
  const error = contextError({ [file]: content });
  if (error === undefined) return [];
  const what = file === "cert" ? "certificate" : "private key";
  const isEncrypted = file === "key" && text.includes("ENCRYPTED");
  const reason = isEncrypted ? "a passphrase protects it; give it without" : reasonOf(error);
  return [{ file, code: codeOf(error), message: `holds a ${what} that cannot be used: ${reason}` }];
}

function contextError(options: SecureContextOptions): unknown {
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    return error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
}

/** "error:0A00018F:SSL routines::ee key too small": what stands behind the last colon. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split(":").at(-1) ?? "") : String(error);
}
