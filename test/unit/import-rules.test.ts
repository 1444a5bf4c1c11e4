import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  checkFile,
  type FolderRule,
  type Rules,
  readImports,
  stripComments,
} from "../support/import-checker.ts";

const SRC = new URL("../../src/", import.meta.url);

const CLOCKS_AND_TIMERS = [
  /\bDate\.now\b/,
  /\bnew Date\b/,
  /\bperformance\b/,
  /\bhrtime\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
];
const NOTHING: FolderRule = { folders: [], typesOf: [], packages: [], builtins: [] };

/** DESIGN section 3, with the built-ins and packages that each folder needs. */
const RULES: Rules = new Map<string, FolderRule>([
  ["stun", { ...NOTHING, builtins: ["crypto", "zlib"], banned: CLOCKS_AND_TIMERS }],
  [
    "turn",
    {
      ...NOTHING,
      folders: ["stun"],
      builtins: ["crypto"],
      builtinsOf: { "turn/relay-target-policy.ts": ["net"] },
      banned: CLOCKS_AND_TIMERS,
    },
  ],
  ["credentials", { ...NOTHING, folders: ["stun"], typesOf: ["turn/ports"], builtins: ["crypto"] }],
  ["signaling", { ...NOTHING, packages: ["zod"], builtins: ["crypto"], banned: CLOCKS_AND_TIMERS }],
  ["net", { ...NOTHING, folders: ["stun", "turn", "signaling"], packages: ["ws", "koffi"], builtins: ["*"] }],
  ["config", { ...NOTHING, folders: ["stun"], packages: ["zod"], builtins: ["crypto", "fs", "path"] }],
  [
    "observe",
    {
      ...NOTHING,
      folders: ["stun"],
      typesOf: ["turn", "signaling", "cluster"],
      packages: ["pino", "prom-client"],
    },
  ],
  [
    "cli",
    {
      ...NOTHING,
      folders: ["server", "config", "credentials", "stun"],
      packages: ["commander"],
      builtins: ["*"],
    },
  ],
  ["cluster", { ...NOTHING, typesOf: ["signaling"], packages: ["ioredis"], builtins: ["crypto"] }],
  ["sdk", { ...NOTHING, typesOf: ["signaling/protocol"] }],
]);

/** The composition root and the public API may import every folder. */
const ROOT_FILES = [
  "assembly.ts",
  "ending.ts",
  "index.ts",
  "join-cluster.ts",
  "open-ports.ts",
  "reload.ts",
  "server.ts",
];

function sourceFiles(): string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" });
  return files.filter((path) => path.endsWith(".ts") && !ROOT_FILES.includes(path)).sort();
}

describe("the folders of src import only what the design lets them", () => {
  test("every source file", () => {
    const files = sourceFiles();
    const violations = files.flatMap((path) =>
      checkFile(path, readFileSync(new URL(path, SRC), "utf8"), RULES),
    );
    expect(files).toContain("stun/message.ts");
    expect(violations).toEqual([]);
  });
});

test("several nodes, and ioredis with them, are loaded only where they are wanted", () => {
  const loads = ROOT_FILES.filter((path) => {
    const imports = readImports(readFileSync(new URL(path, SRC), "utf8"));
    return imports.some(({ specifier, typeOnly }) => specifier.startsWith("./cluster/") && !typeOnly);
  });
  expect(loads).toEqual(["join-cluster.ts"]);
  const source = readFileSync(new URL("join-cluster.ts", SRC), "utf8");
  expect(source).toMatch(
    /if \(redis === undefined\) return undefined;\n.*await import\("\.\/cluster\/cluster\.ts"\)/,
  );
});

describe("the check finds", () => {
  function check(path: string, source: string): string[] {
    return checkFile(path, source, RULES);
  }

  test.each([
    ["a forbidden folder", "turn/a.ts", 'import { hub } from "../signaling/hub.ts";'],
    ["a re-export", "turn/a.ts", 'export { hub } from "../signaling/hub.ts";'],
    ["a re-export of all", "turn/a.ts", 'export * from "../config/config.ts";'],
    ["a side-effect import", "turn/a.ts", 'import "../config/config.ts";'],
    ["a dynamic import", "turn/a.ts", 'const hub = await import("../signaling/hub.ts");'],
    ["a computed import", "turn/a.ts", "const hub = await import(name);"],
    ["an import over several lines", "net/a.ts", 'import {\n  a,\n  b,\n} from "../config/config.ts";'],
    [
      "an import below others",
      "net/a.ts",
      'import { z } from "ws";\nimport { a } from "../observe/logger.ts";',
    ],
    [
      "a value where only types may come",
      "sdk/a.ts",
      'import { CLOSE_CODES } from "../signaling/protocol.ts";',
    ],
    [
      "an inline type, which loads the module",
      "sdk/a.ts",
      'import { type A } from "../signaling/protocol.ts";',
    ],
    ["a type of a forbidden folder", "net/a.ts", 'import type { Config } from "../config/config.ts";'],
    ["a deep forbidden path", "turn/handlers/a.ts", 'import { x } from "../../net/listen.ts";'],
    ["a package of another folder", "signaling/a.ts", 'import { WebSocket } from "ws";'],
    ["a built-in", "turn/a.ts", 'import { createSocket } from "node:dgram";'],
    ["node:net outside of its one file", "turn/a.ts", 'import { BlockList } from "node:net";'],
    ["a built-in without its prefix", "turn/a.ts", 'import { createSocket } from "dgram";'],
    ["a clock", "turn/a.ts", "const now = Date.now();"],
    ["a timer", "signaling/a.ts", "setTimeout(sweep, 1000);"],
    ["a folder without a rule", "utils/a.ts", ""],
    ["a path out of src", "net/a.ts", 'import { x } from "../../test/support/x.ts";'],
  ])("%s", (_name, path, source) => {
    expect(check(path, source)).toHaveLength(1);
  });

  test.each([
    ["a folder's own files", "turn/handlers/a.ts", 'import { b } from "../b.ts";'],
    ["a folder that is allowed", "turn/a.ts", 'import { b } from "../stun/b.ts";'],
    ["types where types may come", "sdk/a.ts", 'import type { A } from "../signaling/protocol.ts";'],
    ["exported types", "sdk/a.ts", 'export type { A } from "../signaling/protocol.ts";'],
    ["node:net in its one file", "turn/relay-target-policy.ts", 'import { isIP } from "node:net";'],
    ["a clock in a comment", "turn/a.ts", "/* never Date.now() */ // nor setTimeout"],
    ["an import in a comment", "turn/a.ts", '// import { x } from "../net/x.ts";'],
  ])("nothing wrong with %s", (_name, path, source) => {
    expect(check(path, source)).toEqual([]);
  });

  test("code behind a string or a regular expression that looks like a comment", () => {
    const source = 'const a = "// no comment"; const b = /["/*]/; const c = Date.now();';
    expect(stripComments(source)).toBe(source);
    expect(check("turn/a.ts", source)).toEqual(["turn/a.ts: Date.now"]);
  });

  test("each kind of import once", () => {
    const source = 'import type { A } from "./a.ts";\nimport b from "b";\nexport * as c from "./c.ts";\n';
    expect(readImports(source)).toEqual([
      { specifier: "./a.ts", typeOnly: true },
      { specifier: "b", typeOnly: false },
      { specifier: "./c.ts", typeOnly: false },
    ]);
  });
});
