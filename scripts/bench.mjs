/** Ours, node-turn and coturn under the same load. The generator runs as plain JavaScript, in a process of its own. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runTypeScript } from "./run-typescript.mjs";

const COMPILER = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(
  "package.json",
  "bin/tsc",
);
const PROJECT = fileURLToPath(new URL("../bench/tsconfig.json", import.meta.url));
const { status } = spawnSync(process.execPath, [COMPILER, "-p", PROJECT], { stdio: "inherit" });
process.exitCode = status === 0 ? await runTypeScript("/bench/main.ts", process.argv.slice(2)) : 1;
