import { createPrivateKey } from "node:crypto";
import { expect, test } from "vitest";
import { findCertificateProblems } from "../../../src/net/certificate-check.ts";
import { createSelfSignedCertificate } from "../../support/self-signed.ts";

const pair = createSelfSignedCertificate();
const other = createSelfSignedCertificate();
const [cert, key] = [Buffer.from(pair.cert), Buffer.from(pair.key)];
const encrypted = Buffer.from(
  createPrivateKey(pair.key)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "hidden" })
    .toString(),
);
const broken = Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
const absent = Object.assign(new Error("open"), { code: "EACCES" });

test.each<[string, Buffer | Error, Buffer | Error, string[]]>([
  ["a pair", cert, key, []],
  ["both in one file", Buffer.concat([key, cert]), Buffer.concat([cert, key]), []],
  ["a key of another certificate", cert, Buffer.from(other.key), ["key does not belong to the certificate"]],
  [
    "the wrong way round",
    key,
    cert,
    ["cert holds a key, and no certificate (PEM)", "key holds a certificate, and no private key (PEM)"],
  ],
  [
    "empty files",
    Buffer.alloc(0),
    Buffer.alloc(0),
    ["cert holds no certificate (PEM)", "key holds no private key (PEM)"],
  ],
  [
    "files that cannot be read",
    absent,
    absent,
    ["cert cannot be read (EACCES)", "key cannot be read (EACCES)"],
  ],
  [
    "an encrypted key",
    cert,
    encrypted,
    ["key holds a private key that cannot be used: a passphrase protects it; give it without"],
  ],
])("%s", (_name, certificate, itsKey, expected) => {
  const problems = findCertificateProblems(certificate, itsKey);
  expect(problems.map(({ file, message }) => `${file} ${message}`)).toEqual(expected);
  expect(findCertificateProblems(cert, key)).toEqual([]);
});

test("a certificate that is broken inside, with OpenSSL's reason and code", () => {
  const [problem] = findCertificateProblems(broken, key);
  expect(problem).toMatchObject({ file: "cert", code: expect.stringContaining("ERR_OSSL") });
  expect(problem?.message).toMatch(/^holds a certificate that cannot be used: [a-z ]+$/);
  expect(problem?.message).not.toContain("routines");
});

test("one of them alone is looked at", () => {
  expect(findCertificateProblems(undefined, cert)).toMatchObject([{ file: "key" }]);
  expect(findCertificateProblems(cert, undefined)).toEqual([]);
});
