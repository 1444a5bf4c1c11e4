import { expect, test } from "vitest";
import { longTermKey } from "../../../src/stun/integrity.ts";
import {
  NONCE_COOKIE,
  passwordAlgorithmAttribute,
  passwordAlgorithmsAttribute,
  readPasswordAlgorithm,
} from "../../../src/stun/password-algorithm.ts";

test("the nonce cookie has the bit of the password algorithms, counted from the least significant side", () => {
  expect(NONCE_COOKIE).toBe("obMatJos2AAAB");
});

test("PASSWORD-ALGORITHMS lists numbers and empty parameters in order, PASSWORD-ALGORITHM one of them", () => {
  const list = passwordAlgorithmsAttribute(["sha256", "md5"]);
  expect([list.type, Buffer.from(list.value).toString("hex")]).toEqual([0x8002, "0002000000010000"]);
  const one = passwordAlgorithmAttribute("md5");
  expect([one.type, Buffer.from(one.value).toString("hex")]).toEqual([0x001d, "00010000"]);
});

test.each(["md5", "sha256"] as const)("%s is read as it is written", (algorithm) => {
  expect(readPasswordAlgorithm(passwordAlgorithmAttribute(algorithm).value)).toBe(algorithm);
});

test.each(["", "0002", "00000000", "00030000", "00020004", "0002000400000000", "0002000000010000"])(
  "%j is no PASSWORD-ALGORITHM",
  (hex) => {
    expect(readPasswordAlgorithm(Buffer.from(hex, "hex"))).toBeUndefined();
  },
);

test("the long-term key has 16 bytes with MD5 and 32 with SHA-256", () => {
  expect(longTermKey("user", "realm", "pass").length).toBe(16);
  // printf user:realm:pass | sha256sum
  expect(Buffer.from(longTermKey("user", "realm", "pass", "sha256")).toString("hex")).toBe(
    "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b",
  );
});
