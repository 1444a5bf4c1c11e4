/** What the README says, held against the server. */

import { existsSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { SETTINGS } from "../../src/config/schema.ts";
import { createServer } from "../../src/server.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

const ROOT = new URL("../../", import.meta.url);
const README = readFileSync(new URL("README.md", ROOT), "utf8");

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** The shape of a JSON value: keys and types, and of a list those of each item. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

describe("the README", () => {
  test("shows a join reply of the shape that the server sends", async () => {
    const [, shown = ""] = README.match(/```json\n(.+?)\n```/s) ?? [];
    const server = createServer(testConfig());
    cleanups.push(() => server.close());
    const { http } = await server.start();
    const client = await SignalingClient.open(`ws://127.0.0.1:${http[0]?.port}/signal`);
    expect(shapeOf(JSON.parse(shown))).toEqual(shapeOf(await client.join("blue-fox")));
  });

  test("names only flags that exist", () => {
    const known = new Set([...SETTINGS.map(({ flag }) => flag), "--config", "--help"]);
    const named = [...README.matchAll(/`[^`\n]*?(--[a-z][a-z-]*)/g)].map(([, flag = ""]) => flag);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
  });

  test("links only to files that are there", () => {
    const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = ""]) => path);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
  });

  test("names the port that each flag has by default", () => {
    for (const key of ["httpPort", "turnPort", "relayPorts", "adminPort"]) {
      const setting = SETTINGS.find((one) => one.key === key);
      expect(README).toContain(String(setting?.default));
    }
  });
});
