/**
 * A small internet inside this machine, of network namespaces that nothing leads out of:
 *
 *   home ── home router ──┐                     ┌── 1:1 NAT ── server
 *  10.0.0.2     masquerade├── "the internet" ───┤
 *   host ─────────────────┘   one bridge        └── ...
 *
 * Public addresses are of ranges that no relay refuses (documentation ranges are refused), and are seen only in here.
 */

import { spawnSync } from "node:child_process";

/** The internet's networks. */
const PUBLIC_4 = "93.184.216";
const PUBLIC_6 = "2606:2800:220:1";
/** The same behind every NAT, as it is in the world. */
const LAN = "10.0.0";

export interface Machine {
  /** Set before a command, it runs there. */
  readonly prefix: readonly string[];
  /** The address that the machine itself has. */
  readonly address: string;
  readonly address6: string;
  /** The address that the internet sees. */
  readonly publicAddress: string;
}

export interface NattedServer extends Machine {
  /** Packets that the machine sent to its own public address; all of them are lost. */
  hairpinPackets(): number;
}

export class NetworkLab {
  readonly #id = `tp${process.pid.toString(36)}${(labs++).toString(36)}`;
  readonly #namespaces: string[] = [];
  readonly #internet: string;
  readonly #removeAtExit = () => this.remove();
  #hosts = 10;

  constructor() {
    process.once("exit", this.#removeAtExit);
    this.#internet = this.#namespace("net");
    ip(this.#internet, "link add br0 type bridge");
    ip(this.#internet, "link set br0 up");
  }

  /** A machine with a public address of its own. */
  addHost(name: string): Machine {
    const namespace = this.#namespace(name);
    const { address, address6 } = this.#joinInternet(namespace);
    return { prefix: inside(namespace), address, address6, publicAddress: address };
  }

  /** A machine behind a home router: others reach it only where it has sent something before. */
  addHome(name: string): Machine {
    const router = this.#namespace(`${name}r`);
    const { address } = this.#joinInternet(router);
    const home = this.#behind(router, name);
    nft(
      router,
      `table ip home {
        chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
        chain through {
          type filter hook forward priority filter; policy drop;
          iifname "lan" accept
          ct state established,related accept
        }
        # What arrives too early is dropped, not rejected: else conntrack keeps its tuple and the hole moves.
        chain self { type filter hook input priority filter; policy drop; }
      }`,
    );
    return { ...home, publicAddress: address };
  }

  /** A machine behind a 1:1 NAT, as clouds have it: every port of a public address is its, but without hairpin. */
  addNattedServer(name: string): NattedServer {
    const router = this.#namespace(`${name}r`);
    const { address } = this.#joinInternet(router);
    const server = this.#behind(router, name);
    nft(
      router,
      `table ip cloud {
        chain in { type nat hook prerouting priority dstnat; iifname "wan" ip daddr ${address} dnat to ${server.address}; }
        chain out { type nat hook postrouting priority srcnat; oifname "wan" ip saddr ${server.address} snat to ${address}; }
        chain self { type filter hook input priority filter; policy drop; iifname "lan" ip daddr ${address} counter drop; }
      }`,
    );
    const hairpinPackets = () => {
      const rule = nft(router, "list chain ip cloud self");
      return Number(rule.match(/counter packets (\d+)/)?.[1]);
    };
    return { ...server, publicAddress: address, hairpinPackets };
  }

  /** Takes everything away. Idempotent; also done when the process ends before. */
  remove(): void {
    process.off("exit", this.#removeAtExit);
    for (const namespace of this.#namespaces.splice(0)) spawnSync("ip", ["netns", "del", namespace]);
  }

  #namespace(name: string): string {
    const namespace = `${this.#id}-${name}`;
    command(["ip", "netns", "add", namespace]);
    this.#namespaces.push(namespace);
    ip(namespace, "link set lo up");
    return namespace;
  }

  /** Gives a namespace an interface "wan" with public addresses. */
  #joinInternet(namespace: string): { readonly address: string; readonly address6: string } {
    const host = this.#hosts++;
    const address = `${PUBLIC_4}.${host}`;
    const address6 = `${PUBLIC_6}::${host}`;
    ip(namespace, `link add wan type veth peer name port${host} netns ${this.#internet}`);
    ip(namespace, `address add ${address}/24 dev wan`);
    // nodad: usable at once, without the seconds of duplicate address detection.
    ip(namespace, `address add ${address6}/64 dev wan nodad`);
    ip(namespace, "link set wan up");
    ip(this.#internet, `link set port${host} master br0 up`);
    return { address, address6 };
  }

  /** A machine on the LAN of a router. */
  #behind(router: string, name: string): Omit<Machine, "publicAddress"> {
    const namespace = this.#namespace(name);
    const address = `${LAN}.2`;
    ip(namespace, `link add eth0 type veth peer name lan netns ${router}`);
    ip(namespace, `address add ${address}/24 dev eth0`);
    ip(namespace, "link set eth0 up");
    ip(router, `address add ${LAN}.1/24 dev lan`);
    ip(router, "link set lan up");
    ip(namespace, `route add default via ${LAN}.1`);
    command([...inside(router), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    return { prefix: inside(namespace), address, address6: "" };
  }
}

let labs = 0;

function inside(namespace: string): readonly string[] {
  return ["ip", "netns", "exec", namespace];
}

function ip(namespace: string, words: string): void {
  command(["ip", "-netns", namespace, ...words.split(" ")]);
}

function nft(namespace: string, script: string): string {
  return command(
    [...inside(namespace), "nft", "-f", "-"],
    script.startsWith("list") ? `${script}\n` : script,
  );
}

/** Runs a command that takes a moment, and returns what it printed. */
function command(words: readonly string[], input?: string): string {
  const [program = "", ...args] = words;
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", input });
  if (status !== 0) throw new Error(`${words.join(" ")}: ${error?.message ?? stderr}\n${input ?? ""}`);
  return stdout;
}
