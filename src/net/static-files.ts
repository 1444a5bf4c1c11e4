/** The files that the server serves: read once at start, looked up by their exact path. No request touches the disk. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface StaticFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
  /** Modules that other sites' pages may import. */
  readonly sharedAcrossOrigins: boolean;
}

export interface StaticFiles {
  /** Keyed by the request's path. */
  readonly files: ReadonlyMap<string, StaticFile>;
  /** False in a checkout that was not built: the browser modules are missing. */
  readonly built: boolean;
}

const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
]);

const CLIENT_MODULE = 'export * from "./src/sdk/client.js";\n';

/** The package's folder, from a source file as from its compiled twin in dist/. */
export function findPackageRoot(moduleUrl: string): string {
  let folder = dirname(fileURLToPath(moduleUrl));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${fileURLToPath(moduleUrl)}`);
    folder = parent;
  }
  return folder;
}

/** Reads the call page, its assets and the SDK's modules. A folder that is not there gives no files. */
export async function loadStaticFiles(packageRoot: string): Promise<StaticFiles> {
  const files = new Map<string, StaticFile>();
  await addFolder(files, "/web/", join(packageRoot, "web"), [".html", ".css", ".svg"]);
  await addFolder(files, "/web/", join(packageRoot, "dist/web"), [".js"]);
  await addFolder(files, "/src/sdk/", join(packageRoot, "dist/src/sdk"), [".js"]);
  const page = files.get("/web/index.html");
  if (page !== undefined) files.set("/", page);
  files.delete("/web/index.html");
  const built = files.has("/src/sdk/client.js");
  if (built) files.set("/client.js", staticFile("client.js", Buffer.from(CLIENT_MODULE), true));
  return { files, built };
}

async function addFolder(
  files: Map<string, StaticFile>,
  prefix: string,
  folder: string,
  extensions: readonly string[],
): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !extensions.includes(extname(entry.name))) continue;
    const body = await readFile(join(folder, entry.name));
    files.set(prefix + entry.name, staticFile(entry.name, body, prefix === "/src/sdk/"));
  }
}

function staticFile(name: string, body: Buffer, sharedAcrossOrigins: boolean): StaticFile {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
  const contentType = CONTENT_TYPES.get(extname(name)) ?? "application/octet-stream";
  return { contentType, body, etag, sharedAcrossOrigins };
}

/** Paths that exist once the package is built: their 404 says what to do. */
export function isBuiltPath(path: string): boolean {
  return path === "/client.js" || /^\/(web|src\/sdk)\/[A-Za-z0-9._-]+\.js$/.test(path);
}

/** What a program that embeds the server passes on: the SDK and nothing of the call page. */
export function isSdkPath(path: string): boolean {
  return path === "/client.js" || path.startsWith("/src/sdk/");
}
