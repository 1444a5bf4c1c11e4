/** What npm has installed. */

import { readFileSync } from "node:fs";

const ROOT = new URL("../../", import.meta.url);

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
}

/** The version of a package in node_modules. */
export function installedVersion(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, ROOT);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The version that a package gets when it asks for one of its dependencies; undefined when there is none. */
export function versionFor(asking: string, name: string): string | undefined {
  const { packages } = readLockFile();
  return (packages[`node_modules/${asking}/node_modules/${name}`] ?? packages[`node_modules/${name}`])
    ?.version;
}

/** The version among the dependencies that our users install; undefined when it is not among them. */
export function versionForUsers(name: string): string | undefined {
  const found = Object.entries(readLockFile().packages).find(
    ([path, { dev }]) => path.endsWith(`node_modules/${name}`) && dev !== true,
  );
  return found?.[1].version;
}

function readLockFile(): LockFile {
  return JSON.parse(readFileSync(new URL("package-lock.json", ROOT), "utf8")) as LockFile;
}
