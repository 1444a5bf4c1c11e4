/**
 * A small internet inside this machine, of network namespaces that nothing leads out of:
 *
 *   home ── router ───┐                     ┌── 1:1 NAT ── server
 *  10.0.0.2   a NAT   ├── "the internet" ───┤
 *   host ─────────────┘   one bridge        └── ...
 *
 * Public addresses are of ranges that no relay refuses (documentation ranges are refused), and are seen only in here.
 */

import { forgetAll, forgetUdp, inside, ip, Namespaces, nft, sysctl } from "./namespaces.ts";
import { type NatKind, natRules } from "./nat.ts";

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

export interface Home extends Machine {
  /** Puts a router of another kind in the place of its own. */
  setNat(kind: NatKind): void;
  /**
   * As if the line had changed: UDP has another public address from now on, which is returned, until `setNat`. Connections over TCP stay.
   * Something must have been sent over UDP before.
   */
  moveUdp(): string;
  /** Nothing passes the router any more, in either direction, until the returned function is called. */
  cut(): () => void;
  /** As if the line had been changed: the router has another public address, and knows of no connection. */
  move(): void;
}

export interface NattedServer extends Machine {
  /** Packets that the machine sent to its own public address; all of them are lost. */
  hairpinPackets(): number;
}

export class NetworkLab {
  readonly #namespaces = new Namespaces();
  readonly #machines: string[] = [];
  readonly #names = new Map<string, readonly string[]>([["localhost", ["127.0.0.1"]]]);
  readonly #internet: string;
  #hosts = 10;

  constructor() {
    this.#internet = this.#namespaces.add("net");
    ip(this.#internet, "link add br0 type bridge");
    ip(this.#internet, "link set br0 up");
  }

  /** The names of its namespaces begin with it. */
  get id(): string {
    return this.#namespaces.id;
  }

  /** A machine with a public address of its own. */
  addHost(name: string): Machine {
    const namespace = this.#addMachine(name);
    const { address, address6 } = this.#joinInternet(namespace);
    return { prefix: inside(namespace), address, address6, publicAddress: address };
  }

  /** A machine behind a router of its own. */
  addHome(name: string, nat: NatKind): Home {
    const router = this.#namespaces.add(`${name}-router`);
    const { address } = this.#joinInternet(router);
    const home = this.#behind(router, name);
    const setNat = (kind: NatKind) => void nft(router, natRules(kind, home.address));
    setNat(nat);
    const moveUdp = () => {
      const moved = `${PUBLIC_4}.${this.#hosts++}`;
      ip(router, `address add ${moved}/24 dev wan`);
      nft(
        router,
        `table ip moved {
          chain out { type nat hook postrouting priority srcnat - 1; oifname "wan" meta l4proto udp snat to ${moved}; }
        }`,
      );
      forgetUdp(router);
      return moved;
    };
    return {
      ...home,
      publicAddress: address,
      setNat,
      moveUdp,
      cut: () => cutThrough(router),
      move: () => moveRouter(router, `${PUBLIC_4}.${this.#hosts++}`),
    };
  }

  /** A machine behind a 1:1 NAT, as clouds have it: every port of a public address is its, but without hairpin. */
  addNattedServer(name: string): NattedServer {
    const router = this.#namespaces.add(`${name}-router`);
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

  /** Gives a name its addresses, on every machine, for programs that are started afterwards. */
  nameHost(name: string, ...addresses: readonly string[]): void {
    this.#names.set(name, addresses);
    for (const machine of this.#machines) this.#writeNames(machine);
  }

  /** Takes everything away, and ends what still runs there. Idempotent; also done when the test is killed. */
  remove(): void {
    this.#namespaces.remove();
  }

  #addMachine(name: string): string {
    const namespace = this.#namespaces.add(name);
    this.#machines.push(namespace);
    this.#writeNames(namespace);
    return namespace;
  }

  #writeNames(machine: string): void {
    // With its dot, too: so Chromium asks for the host of a STUN or TURN URL over UDP, and only for that.
    const lines = [...this.#names].flatMap(([name, addresses]) =>
      addresses.map((address) => `${address} ${name} ${name}.\n`),
    );
    this.#namespaces.writeEtc(machine, "hosts", lines.join(""));
    // Nobody listens there: any other name is unknown at once, without the seconds of a resolver that never answers.
    this.#namespaces.writeEtc(machine, "resolv.conf", "nameserver 127.0.0.1\n");
  }

  /** Gives a namespace an interface "wan" with public addresses. */
  #joinInternet(namespace: string): { readonly address: string; readonly address6: string } {
    const host = this.#hosts++;
    const address = `${PUBLIC_4}.${host}`;
    const address6 = `${PUBLIC_6}::${host}`;
    ip(namespace, `link add wan type veth peer name port${host} netns ${this.#internet}`);
    ip(namespace, `address add ${address}/24 dev wan`);
    ip(namespace, `address add ${address6}/64 dev wan`);
    ip(namespace, "link set wan up");
    ip(this.#internet, `link set port${host} master br0 up`);
    return { address, address6 };
  }

  /** A machine on the LAN of a router. */
  #behind(router: string, name: string): Omit<Machine, "publicAddress"> {
    const namespace = this.#addMachine(name);
    const address = `${LAN}.2`;
    ip(namespace, `link add eth0 type veth peer name lan netns ${router}`);
    ip(namespace, `address add ${address}/24 dev eth0`);
    ip(namespace, "link set eth0 up");
    ip(router, `address add ${LAN}.1/24 dev lan`);
    ip(router, "link set lan up");
    ip(namespace, `route add default via ${LAN}.1`);
    sysctl(router, "ipv4/ip_forward", 1);
    return { prefix: inside(namespace), address, address6: "" };
  }
}

function cutThrough(router: string): () => void {
  nft(
    router,
    `table inet cut {
      chain through { type filter hook forward priority filter - 1; policy drop; }
    }`,
  );
  return () => void nft(router, "delete table inet cut");
}

function moveRouter(router: string, address: string): void {
  // The addresses that it had, and with them what the masquerade knows.
  ip(router, "-4 address flush dev wan");
  ip(router, `address add ${address}/24 dev wan`);
  forgetAll(router);
}
