import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const COMPILER = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(
  "package.json",
  "bin/tsc",
);
const PROJECT = fileURLToPath(new URL("../bench/tsconfig.json", import.meta.url));

/** What the benches run as plain JavaScript goes to bench/dist. False: it does not compile. */
export function compileBench() {
  return spawnSync(process.execPath, [COMPILER, "-p", PROJECT], { stdio: "inherit" }).status === 0;
}
