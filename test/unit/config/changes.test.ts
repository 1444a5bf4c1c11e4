import { expect, test } from "vitest";
import { findChanges } from "../../../src/config/changes.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import type { ConfigInput } from "../../../src/config/schema.ts";

const TLS = { tlsPort: 443, tlsCert: "cert.pem", tlsKey: "key.pem" };

function changes(before: ConfigInput, after: ConfigInput) {
  return findChanges(parseConfig(before), parseConfig(after));
}

test("the same text is no change, also where the secret is made at random", () => {
  const input: ConfigInput = { hosts: ["127.0.0.1"], allowRelayTo: ["10.0.0.0/8"], ...TLS };
  for (const secrets of [[], ["one"]])
    expect(changes({ ...input, secrets }, { ...input, secrets })).toEqual({ taken: [], needRestart: [] });
});

test.each<[string, ConfigInput, ConfigInput, string[]]>([
  ["a new secret", { secrets: ["old"] }, { secrets: ["new", "old"] }, ["secrets"]],
  ["the order of secrets", { secrets: ["old", "new"] }, { secrets: ["new", "old"] }, ["secrets"]],
  ["a secret where there was none", {}, { secrets: ["new"] }, ["secrets", "secretIsRandom"]],
  ["no secret any more", { secrets: ["old"] }, {}, ["secrets", "secretIsRandom"]],
  ["a user", { secrets: ["s"] }, { secrets: ["s"], users: ["ada:lovelace"] }, ["users"]],
  ["how much is logged", { secrets: ["s"] }, { secrets: ["s"], logLevel: "debug" }, ["logLevel"]],
])("%s can be taken over at run time", (_what, before, after, taken) => {
  expect(changes(before, after)).toEqual({ taken, needRestart: [] });
});

test.each<[ConfigInput, ConfigInput, string[]]>([
  [{}, { httpPort: 8081 }, ["httpPort"]],
  [{}, { hosts: ["127.0.0.1"] }, ["hosts"]],
  [{}, { publicHost: "call.example.com" }, ["publicHost"]],
  [{ publicHost: "call.example.com" }, {}, ["publicHost"]],
  [{}, TLS, ["tlsPort", "tlsCert", "tlsKey"]],
  [TLS, { ...TLS, tlsCert: "other.pem" }, ["tlsCert"]],
  [{}, { denyRelayTo: ["10.0.0.0/8"] }, ["denyRelayTo"]],
  [
    {},
    { limits: { maxRooms: 7, maxBitsPerSecond: 1_000_000 } },
    ["limits.maxRooms", "limits.maxBitsPerSecond"],
  ],
])("the rest needs a restart, and is named: %j → %j", (before, after, needRestart) => {
  expect(changes(before, after)).toEqual({ taken: [], needRestart });
});
