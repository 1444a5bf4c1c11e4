import { describe, expect, it } from "vitest";
import { parseIp, withPort } from "../../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { NONCE_COOKIE } from "../../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { Challenge } from "../../../src/turn/challenge.ts";
import { assertSuccess } from "../../conformance/checks.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);
const IPV4_AND_UDP_HEADERS = 28;
/** What a client without anything to say but REQUESTED-TRANSPORT sends. */
const SMALLEST_ALLOCATE = 28;
const ip = parseIp("198.51.100.1");
if (ip === undefined) throw new Error("not an address");
const CLIENT = withPort(ip, 5000);

function challengeIn(realm: string) {
  const challenge = new Challenge(realm, () => 0);
  const attributes = challenge.attributesFor(CLIENT);
  const nonce = attributes.find(({ type }) => type === ATTRIBUTE.nonce)?.value ?? new Uint8Array();
  return {
    challenge,
    nonce: Buffer.from(nonce).toString(),
    offers: attributes.some(({ type }) => type === ATTRIBUTE.passwordAlgorithms),
  };
}

describe("the challenge", () => {
  it("offers password algorithms in every realm of up to 36 bytes, and its nonce says so", () => {
    for (const realm of ["", "turnpike", "r".repeat(36)]) {
      const { challenge, nonce, offers } = challengeIn(realm);
      expect([offers, nonce.startsWith(NONCE_COOKIE)]).toEqual([true, true]);
      expect(challenge.isValidNonce(nonce, CLIENT)).toBe(true);
    }
  });

  it("offers none where a longer realm leaves no room for it, and its nonce says so", () => {
    for (const realm of ["r".repeat(37), "é".repeat(19)]) {
      const { challenge, nonce, offers } = challengeIn(realm);
      expect([offers, nonce.startsWith(NONCE_COOKIE)]).toEqual([false, false]);
      expect(challenge.isValidNonce(nonce, CLIENT)).toBe(true);
    }
  });
});

it.each(["turnpike", "r".repeat(36), "r".repeat(60)])(
  "the smallest Allocate is answered, with at most 2.5 bytes out per byte in, in realm %s",
  async (realm) => {
    const { target } = openMemoryTarget({}, { realm });
    const client = await target.client();
    const answer = await client.ask(METHOD.allocate, [UDP]);
    expect(answer.outcome).toBe(401);
    const out = answer.message.bytes.length + IPV4_AND_UDP_HEADERS;
    expect(out / (SMALLEST_ALLOCATE + IPV4_AND_UDP_HEADERS)).toBeLessThanOrEqual(2.5);
    assertSuccess(await client.allocate(), "Allocate");
    await target.close();
  },
);

it("a choice of algorithm where none was offered gets 400", async () => {
  const { target } = openMemoryTarget({}, { realm: "r".repeat(60) });
  const client = await target.client();
  const offer = Buffer.from("0002000000010000", "hex");
  const change = { algorithm: "sha256", passwordAlgorithms: offer } as const;
  const answer = await client.request(METHOD.allocate, [UDP], change);
  expect(answer.outcome).toBe(400);
  assertSuccess(await client.allocate(), "Allocate");
  await target.close();
});
