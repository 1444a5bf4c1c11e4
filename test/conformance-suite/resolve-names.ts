/** Servers by name: looked up once, before the options are read, which know addresses only. */

import { lookup } from "node:dns/promises";
import { parseIp } from "../../src/stun/address.ts";

const BY_NAME = /^(turns?):([A-Za-z0-9_.-]*[A-Za-z][A-Za-z0-9_.-]*)(:[^?]*)?(\?.*)?$/;

/** Options whose value may look like a server. */
const WITH_VALUE: ReadonlySet<string> = new Set(["--user", "--secret", "--ca", "--servername", "--peer"]);

export type Lookup = (name: string) => Promise<string>;

/** The first address that the system has for a name. */
const lookupFirst: Lookup = async (name) => (await lookup(name)).address;

/**
 * The arguments with addresses in the place of names; for turns: the name stays as `--servername`, unless there is one. What is no
 * server by its name is left as it is. `error`: in one line, a name that is nobody's.
 */
export async function resolveNames(
  args: readonly string[],
  find: Lookup = lookupFirst,
): Promise<{ readonly args: readonly string[] } | { readonly error: string }> {
  const resolved: string[] = [];
  const names: string[] = [];
  for (const [i, arg] of args.entries()) {
    const isValue = WITH_VALUE.has(args[i - 1] ?? "");
    const [, scheme, name = "", port = "", query = ""] = (!isValue && BY_NAME.exec(arg)) || [];
    if (scheme === undefined) {
      resolved.push(arg);
      continue;
    }
    const address = await find(name).catch((error: NodeJS.ErrnoException) => error);
    if (address instanceof Error) return { error: `${arg}: no address for this name (${address.code})` };
    const host = parseIp(address)?.family === 6 ? `[${address}]` : address;
    resolved.push(`${scheme}:${host}${port}${query}`);
    if (scheme === "turns") names.push(name);
  }
  const isNamed = args.some((arg) => arg.startsWith("--servername") || arg === "--insecure");
  const [first] = names;
  return { args: first === undefined || isNamed ? resolved : [...resolved, "--servername", first] };
}
