/** Network namespaces that are gone when the test is, whatever ends it. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `ip netns exec` shows what lies here, by a namespace's name, in place of the files of /etc. */
const FILES = "/etc/netns";

/**
 * Ends what still runs in the namespaces whose names begin with $1, and removes them and their files. Started with the
 * lab, it waits for the end of its input first: that comes also when the test is killed.
 */
const JANITOR = `
  [ "$2" = now ] || cat >/dev/null
  for path in /run/netns/"$1"-*; do
    [ -e "$path" ] || continue
    namespace=\${path##*/}
    pids=$(ip netns pids "$namespace")
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null
    ip netns del "$namespace"
    rm -rf "${FILES}/$namespace"
  done`;

export class Namespaces {
  /** Every name begins with it. */
  readonly id = `tp${process.pid}.${made++}`;
  readonly #janitor: ChildProcess;

  constructor() {
    // In a session of its own: a signal to the test's process group does not reach it.
    this.#janitor = spawn("sh", ["-c", JANITOR, "janitor", this.id], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
  }

  /** Makes one with a loopback interface, and returns its full name. */
  add(name: string): string {
    const namespace = `${this.id}-${name}`;
    command(["ip", "netns", "add", namespace]);
    // Without duplicate address detection. An address that comes into use a second or two after its interface is a
    // change of network to a browser: Chromium gives up what it is loading, and the page is left without its scripts.
    sysctl(namespace, "ipv6/conf/default/accept_dad", 0);
    ip(namespace, "link set lo up");
    return namespace;
  }

  /** A file of /etc as programs in the namespace see it: those that are started from now on. */
  writeEtc(namespace: string, file: string, text: string): void {
    const folder = join(FILES, namespace);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), text);
  }

  /** Takes everything away. Idempotent. */
  remove(): void {
    command(["sh", "-c", JANITOR, "janitor", this.id, "now"]);
    this.#janitor.stdin?.end();
  }
}

let made = 0;

/** Set before a command, it runs in the namespace. */
export function inside(namespace: string): readonly string[] {
  return ["ip", "netns", "exec", namespace];
}

export function ip(namespace: string, words: string): void {
  command(["ip", "-netns", namespace, ...words.split(" ")]);
}

/** Loads a ruleset, or lists what is there. */
export function nft(namespace: string, script: string): string {
  return command([...inside(namespace), "nft", "-f", "-"], `${script}\n`);
}

/** A setting under /proc/sys/net. */
export function sysctl(namespace: string, path: string, value: number): void {
  command([...inside(namespace), "sh", "-c", `echo ${value} > /proc/sys/net/${path}`]);
}

/** Its NAT forgets every UDP flow. */
export function forgetUdp(namespace: string): void {
  command([...inside(namespace), "conntrack", "-D", "-p", "udp"]);
}

/** Its NAT forgets every flow. */
export function forgetAll(namespace: string): void {
  command([...inside(namespace), "conntrack", "-F"]);
}

/** Runs a command that takes a moment, and returns what it printed. */
function command(words: readonly string[], input?: string): string {
  const [program = "", ...args] = words;
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", input });
  if (status !== 0) throw new Error(`${words.join(" ")}: ${error?.message ?? stderr}\n${input ?? ""}`);
  return stdout;
}
