import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(ROOT, "node_modules/.cache/turnpike");

/**
 * A Vite plugin: where sources run as they are, the threads of the UDP engine run too. Node 20 runs no TypeScript, and Vite serves no
 * threads: what a thread runs is bundled beside the packages.
 */
export function udpWorker() {
  let url;
  return {
    name: "udp-worker",
    enforce: "pre",
    async load(id) {
      if (!id.endsWith("/src/net/udp-batch/worker-file.ts")) return undefined;
      url ??= bundle().then((file) => pathToFileURL(file).href);
      return `export const WORKER_FILE = new URL(${JSON.stringify(await url)});`;
    },
  };
}

/** Returns the bundle's path, which is another one for other sources: runs at the same time do not disturb each other. */
async function bundle() {
  const { output } = await build({
    configFile: false,
    root: ROOT,
    logLevel: "error",
    build: {
      write: false,
      minify: false,
      target: "es2023",
      ssr: "src/net/udp-batch/worker.ts",
      rolldownOptions: { external: ["koffi"] },
    },
  });
  const { code } = output[0];
  const target = join(CACHE, createHash("sha256").update(code).digest("hex").slice(0, 16));
  const file = join(target, "worker.mjs");
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  const draft = mkdtempSync(join(CACHE, "draft-"));
  writeFileSync(join(draft, "worker.mjs"), code);
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(file)) throw error;
  }
  return file;
}
