/** A certificate for localhost, made on the spot with node:crypto: no key lies in the repository, no openssl is needed. */

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const hex = (text: string) => Buffer.from(text, "hex");
const OID_ECDSA_SHA256 = hex("06082a8648ce3d040302");
const OID_COMMON_NAME = hex("0603550403");
const OID_SUBJECT_ALT_NAME = hex("0603551d11");
const OID_BASIC_CONSTRAINTS = hex("0603551d13");
const TRUE = hex("0101ff");

function generalizedTime(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`));
}

/** Self-signed, its own CA, for localhost, 127.0.0.1 and ::1; valid from yesterday to tomorrow. */
export function createSelfSignedCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const dayMs = 86_400_000;
  const commonName = sequence(OID_COMMON_NAME, der(0x0c, Buffer.from("localhost")));
  const name = sequence(der(0x31, commonName));
  const altNames = sequence(
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
    der(0x87, Buffer.from([...new Array<number>(15).fill(0), 1])),
  );
  const extensions = sequence(
    sequence(OID_BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))),
    sequence(OID_SUBJECT_ALT_NAME, der(0x04, altNames)),
  );
  const serial = randomBytes(8);
  serial[0] = 1;
  const toBeSigned = sequence(
    der(0xa0, hex("020102")),
    der(0x02, serial),
    sequence(OID_ECDSA_SHA256),
    name,
    sequence(generalizedTime(new Date(Date.now() - dayMs)), generalizedTime(new Date(Date.now() + dayMs))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const certificate = sequence(
    toBeSigned,
    sequence(OID_ECDSA_SHA256),
    der(0x03, Buffer.from([0]), signature),
  );
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}
