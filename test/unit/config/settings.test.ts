import { expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/schema.ts";

test.each(["key", "flag", "variable"] as const)("every setting has a %s of its own", (name) => {
  const names = SETTINGS.map((one) => one[name]);
  expect(new Set(names).size).toBe(names.length);
});

test("names of flags and variables are made from the key, or from its singular", () => {
  const byKey = new Map(SETTINGS.map((one) => [one.key, one]));
  expect(byKey.get("httpPort")).toMatchObject({ flag: "--http-port", variable: "TURNPIKE_HTTP_PORT" });
  expect(byKey.get("secrets")).toMatchObject({ flag: "--secret", variable: "TURNPIKE_SECRET" });
  expect(byKey.get("limits.maxRooms")).toMatchObject({ flag: "--max-rooms", variable: "TURNPIKE_MAX_ROOMS" });
});

test("every setting but a switch says what its value stands for", () => {
  for (const { kind, value } of SETTINGS) expect(value === undefined).toBe(kind === "switch");
});

test("whatever lets somebody in is a secret", () => {
  expect(SETTINGS.filter(({ secret }) => secret).map(({ key }) => key)).toEqual([
    "secrets",
    "users",
    "redis",
  ]);
});
