/** The machine of a user who has Node and npm and nothing else: no compiler, no development dependencies. */

import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./child-process.ts";
import { makeTempDir } from "./temp-dir.ts";

export const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** Made by tools, or too large, or of no use in a copy. */
const NOT_IN_A_CLONE = new Set([".git", "dist", "node_modules"]);

export interface BareMachine {
  readonly home: string;
  /** PATH holds node, npm, npx, sh and env only. */
  readonly env: NodeJS.ProcessEnv;
  remove(): void;
}

export async function makeBareMachine(): Promise<BareMachine> {
  const folder = makeTempDir("bare");
  const bin = join(folder.path, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const program of ["npm", "npx", "sh", "env"]) symlinkSync(await which(program), join(bin, program));
  // The npm of the machine keeps its settings and its cache: which registry it asks is not ours to say.
  const env = { ...process.env, PATH: bin, NODE_ENV: "" };
  return { home: folder.path, env, remove: folder.remove };
}

/** A copy of this checkout as a clone would be, with what is not committed yet. */
export function copyCheckout(target: string): void {
  cpSync(CHECKOUT, target, {
    recursive: true,
    filter: (source) => !NOT_IN_A_CLONE.has(relative(CHECKOUT, source).split(sep)[0] ?? ""),
  });
}

async function which(program: string): Promise<string> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const { code } = await run(["test", "-x", join(folder, program)]);
    if (code === 0) return join(folder, program);
  }
  throw new Error(`no ${program} on this machine`);
}
