/** The programs that npm does not bring: `setup-debian.sh` installs them. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export type Requirement =
  | "chromium"
  | "firefox-esr"
  | "certutil"
  | "turnserver"
  | "turnutils_uclient"
  | "turnutils_peer"
  | "haproxy"
  | "redis-server"
  | "ethtool"
  | "gcc"
  | "aarch64-linux-gnu-gcc"
  | "musl-gcc"
  | "namespaces";

/**
 * True when tests that need these cannot run here: for `describe.skipIf`. Under CI=true that is an error instead,
 * because a test that is skipped shows nothing.
 */
export function isMissing(...requirements: readonly Requirement[]): boolean {
  const missing = requirements.filter((requirement) => !isThere(requirement));
  if (missing.length === 0) return false;
  const message = `missing for these tests: ${missing.join(", ")} (run test/e2e/setup-debian.sh as root)`;
  if (process.env.CI === "true") throw new Error(message);
  process.stderr.write(`${message}\n`);
  return true;
}

function isThere(requirement: Requirement): boolean {
  if (requirement === "namespaces") return process.getuid?.() === 0 && onPath("ip") && onPath("nft");
  return onPath(requirement);
}

function onPath(program: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
