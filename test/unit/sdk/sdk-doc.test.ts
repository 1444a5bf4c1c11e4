/** docs/sdk.md against the SDK: it names all that is there, and its samples compile. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import type * as client from "../../../src/sdk/client.ts";
import { ERROR_CODES } from "../../support/error-codes.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DOC = readFileSync(join(ROOT, "docs/sdk.md"), "utf8");

/** Names of each kind: the compiler sees to it that none is missing and none is invented. */
type Names<Keys extends PropertyKey> = Record<Keys, true>;

const OPTIONS: Names<keyof client.JoinOptions> = {
  url: true,
  name: true,
  token: true,
  stream: true,
  iceTransportPolicy: true,
  rtcConfiguration: true,
  resume: true,
  environment: true,
};
const CALL: Names<Exclude<keyof client.Call, "open">> = {
  room: true,
  id: true,
  created: true,
  peers: true,
  limits: true,
  closed: true,
  iceTransportPolicy: true,
  resumption: true,
  on: true,
  addStream: true,
  addTrack: true,
  removeTrack: true,
  replaceTrack: true,
  send: true,
  post: true,
  restartIce: true,
  setIceTransportPolicy: true,
  refreshIceServers: true,
  leave: true,
};
const PEER: Names<keyof client.Peer> = {
  id: true,
  name: true,
  polite: true,
  away: true,
  state: true,
  path: true,
  connection: true,
  channel: true,
};
const PATH: Names<keyof client.Path> = {
  local: true,
  remote: true,
  protocol: true,
  relayProtocol: true,
  relayUrl: true,
  relayed: true,
  roundTripTimeMs: true,
  sentence: true,
};
/** With the fields of each. */
const EVENTS: { [Name in keyof client.CallEvents]: Partial<Names<FieldOf<client.CallEvents[Name]>>> } = {
  joined: { resumed: true, peers: true },
  "peer-joined": { peer: true },
  "peer-left": { peer: true, reason: true },
  "peer-away": { peer: true },
  "peer-back": { peer: true },
  track: { peer: true, track: true, streams: true, transceiver: true },
  "channel-open": { peer: true, channel: true },
  message: { peer: true, via: true, data: true },
  "connection-state": { peer: true, state: true },
  path: { peer: true, path: true },
  "ice-servers": { iceServers: true, expiresAt: true },
  signaling: { state: true },
  "go-away": { graceSeconds: true, url: true },
  notice: { code: true, detail: true },
  error: {},
  closed: { reason: true, detail: true, error: true },
};
type FieldOf<Event> = Event extends unknown ? keyof Event : never;

const CODES: Names<client.TurnpikeErrorCode> = {
  ...ERROR_CODES,
  "connection-failed": true,
  "connection-lost": true,
  closed: true,
  overloaded: true,
  unsupported: true,
  "bad-url": true,
  "negotiation-failed": true,
  "send-failed": true,
};
const CLOSED_REASONS: Names<client.ClosedReason> = {
  left: true,
  "room-closed": true,
  kicked: true,
  replaced: true,
  unauthorized: true,
  refused: true,
  "connection-lost": true,
};

/** From a heading to the next of the same or a higher level. */
function section(title: string): string {
  const [, text = ""] = DOC.split(`\n## ${title}\n`);
  return text.split("\n## ")[0] ?? "";
}

/** What stands in backticks, outside of samples, without a method's parameters. */
function named(text: string): Set<string> {
  const prose = text.replaceAll(/```.*?```/gs, "");
  return new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = ""]) => word.replace(/\(.*\)$/, "")));
}

describe("docs/sdk.md names", () => {
  test.each([
    ["joinRoom, createRoom", OPTIONS],
    ["Call", CALL],
    ["Peer", PEER],
    ["How they are connected", PATH],
    ["Events", EVENTS],
    ["Events", CLOSED_REASONS],
    ["Errors", CODES],
  ] as const)("everything in: %s", (title, names) => {
    const there = named(section(title));
    expect(Object.keys(names).filter((name) => !there.has(name))).toEqual([]);
  });

  test.each(Object.entries(EVENTS))("the fields of %s", (name, fields) => {
    const row = section("Events")
      .split("\n")
      .find((line) => line.startsWith(`| \`${name}\` |`));
    const there = named(row?.split("|")[2] ?? "");
    expect([...there].filter((field) => field !== "TurnpikeError").sort()).toEqual(
      Object.keys(fields).sort(),
    );
  });

  test("every exported type", () => {
    const source = readFileSync(join(ROOT, "src/sdk/client.ts"), "utf8");
    const lists = [...source.matchAll(/^export (?:type )?\{([^}]+)\}/gm)].map(([, list = ""]) => list);
    const exported = lists.flatMap((list) => list.split(",")).map((name) => name.replace("type ", "").trim());
    expect(exported.length).toBeGreaterThan(10);
    expect(exported.filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(DOC))).toEqual([]);
  });
});

test("the TypeScript of docs/sdk.md compiles, as an application's would", () => {
  const samples = [...DOC.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  expect(samples.length).toBeGreaterThan(3);
  const folder = mkdtempSync(join(tmpdir(), "turnpike-doc-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  samples.forEach((code, index) => {
    writeFileSync(join(folder, `sample-${index}.ts`), `${code}\nexport {};\n`);
  });
  const compilerOptions = {
    noEmit: true,
    noUnusedLocals: false,
    types: [],
    lib: ["es2023", "dom", "dom.iterable"],
    paths: { "turnpike/client": [join(ROOT, "src/sdk/client.ts")] },
  };
  const config = { extends: join(ROOT, "tsconfig.base.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  expect(compile(folder)).toBe("");
});

/** What the compiler complains of. */
function compile(folder: string): string {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  try {
    return execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

test("the README's ten lines are those of docs/sdk.md", () => {
  const example = /<!-- sdk-example -->\n(.*?)<!-- \/sdk-example -->/s;
  const ours = example.exec(DOC)?.[1] ?? "";
  expect(ours.split("\n").filter((line) => line !== "" && !line.startsWith("```"))).toHaveLength(10);
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  expect(example.exec(readme)?.[1]).toBe(ours);
});
