import fc from "fast-check";
import { expect, test } from "vitest";
import { readCandidate, readSdp } from "../../src/signaling/ice-in-sdp.ts";

const words = fc.constantFrom(
  ..."a=candidate: candidate: a=ice-pwd: a= typ host udp tcp raddr 81.2.69.7 ::1 %eth0 010.0.0.1".split(" "),
);
const separators = fc.constantFrom(" ", "  ", "\n", "\r\n", "\r", "\t", "", "\0");
const nearSdp = fc
  .array(fc.oneof(words, separators, fc.string({ unit: "binary" })))
  .map((parts) => parts.join(""));

test("whatever is said, reading it throws nothing and gives no more than the bounds", () => {
  fc.assert(
    fc.property(fc.oneof(nearSdp, fc.string({ unit: "binary" })), (text) => {
      for (const { addresses, icePasswords } of [readSdp(text), readCandidate(text)]) {
        expect(addresses.length).toBeLessThanOrEqual(64);
        expect(icePasswords.length).toBeLessThanOrEqual(8);
        for (const found of [...addresses, ...icePasswords]) {
          expect(text).toContain(found);
          expect(found).not.toMatch(/[\n ]/);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
