import { expect, it } from "vitest";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { NonceIssuer } from "../../../src/turn/nonce.ts";

function address(ip: string, port: number): TransportAddress {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new Error(`not an address: ${ip}`);
  return withPort(parsed, port);
}

function issuerAt(start: number) {
  const time = { nowMs: start };
  return { time, nonces: new NonceIssuer(() => time.nowMs) };
}

const CLIENT = address("198.51.100.1", 5000);

it("a nonce is valid from where it was issued to, for one hour", () => {
  const { time, nonces } = issuerAt(12_345_678);
  const nonce = nonces.issue(CLIENT);
  expect(nonces.isValid(nonce, CLIENT)).toBe(true);
  time.nowMs += 3_599_000;
  expect(nonces.isValid(nonce, CLIENT)).toBe(true);
  time.nowMs += 1_000;
  expect(nonces.isValid(nonce, CLIENT)).toBe(false);
  expect(nonces.isValid(nonces.issue(CLIENT), CLIENT)).toBe(true);
});

it.each([
  ["another port", address("198.51.100.1", 5001)],
  ["another address", address("198.51.100.2", 5000)],
  ["the same number in the other family", address("::c633:6401", 5000)],
])("a nonce is not valid from %s", (_name, other) => {
  const { nonces } = issuerAt(0);
  expect(nonces.isValid(nonces.issue(CLIENT), other)).toBe(false);
});

it("a nonce of another issuer, a changed one and anything else is not valid", () => {
  const { nonces } = issuerAt(0);
  const nonce = nonces.issue(CLIENT);
  const changed = [...nonce].map((character, i) =>
    nonce.slice(0, i).concat(character === "A" ? "B" : "A", nonce.slice(i + 1)),
  );
  for (const forged of [
    issuerAt(0).nonces.issue(CLIENT),
    ...changed,
    "",
    "x".repeat(15),
    `${nonce}=`,
    "é".repeat(15),
  ]) {
    expect(nonces.isValid(forged, CLIENT), forged).toBe(false);
  }
});

it("a nonce starts with its issuer's cookie, and is not valid with another or none", () => {
  const nonces = new NonceIssuer(() => 0, "cookieAAAB");
  const nonce = nonces.issue(CLIENT);
  expect(nonces.isValid(nonce, CLIENT)).toBe(true);
  for (const changed of [nonce.replace("AAAB", "AAAA"), nonce.slice(10), `cookieAAA${nonce}`]) {
    expect(nonces.isValid(changed, CLIENT), changed).toBe(false);
  }
});

it("a nonce from the future is not valid: a clock that went back lets nothing live longer", () => {
  const { time, nonces } = issuerAt(60_000);
  const nonce = nonces.issue(CLIENT);
  time.nowMs = 0;
  expect(nonces.isValid(nonce, CLIENT)).toBe(false);
});

it("a nonce is 15 characters behind its cookie, because it travels in an unauthenticated answer", () => {
  expect(issuerAt(0).nonces.issue(CLIENT)).toMatch(/^[A-Za-z0-9_-]{15}$/);
  expect(new NonceIssuer(() => 0, "cookie").issue(CLIENT)).toMatch(/^cookie[A-Za-z0-9_-]{15}$/);
});
